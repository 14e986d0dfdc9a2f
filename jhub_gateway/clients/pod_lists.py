"""The pods of a namespace that have a label, without what they run."""

from typing import Any

from jhub_gateway.clients.kube import REQUEST_SECONDS, KubeUnavailable
from jhub_gateway.clients.kube_requests import METADATA_LIST, Manifest, send

_PAGE = 200


async def list_pod_metadata(
    client: Any, namespace: str, selector: str, fields: str = ""
) -> list[Manifest]:
    """Return the metadata of each pod that the label selector chooses. Raises KubeUnavailable.

    ``fields`` is a field selector, such as ``status.phase=Running``.

    It is one request for each 200 pods, and tells what was there when the first was answered.
    Without ``managedFields``, which are most of it.
    """
    path = f"/api/v1/namespaces/{namespace}/pods"
    query = {"labelSelector": selector, "limit": str(_PAGE)}
    if fields:
        query["fieldSelector"] = fields
    found: list[Manifest] = []
    while True:
        answer = await send(
            client, "GET", path, seconds=REQUEST_SECONDS, query=query.items(), accept=METADATA_LIST
        )
        if not answer.is_fine:
            raise KubeUnavailable(f"{answer.status} {answer.body.get('message', '')}")
        for item in answer.body.get("items") or ():
            item["metadata"].pop("managedFields", None)
            found.append(item["metadata"])
        following = answer.body["metadata"].get("continue")
        if not following:
            return found
        query["continue"] = following

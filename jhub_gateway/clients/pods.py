"""The pods of a namespace at the API server."""

from http import HTTPStatus
from typing import Any

from jhub_gateway.clients.kube_requests import METADATA, Answer, Manifest, send

_LOG_BYTES = 16 * 1024


def is_gone(answer: Answer) -> bool:
    """Whether the API server says that there is no such pod.

    A 404 alone does not: what stands before the API server answers that too.
    """
    details = answer.body.get("details")
    is_said = answer.status == HTTPStatus.NOT_FOUND and answer.body.get("reason") == "NotFound"
    return is_said and isinstance(details, dict) and details.get("kind") == "pods"


class PodRequests:
    """Asks for one pod at a time; each method asks once, for at most ``seconds``.

    None raises: :class:`Answer` says what became of it.
    """

    def __init__(self, client: Any, namespace: str, seconds: float) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._seconds = seconds

    async def create(self, manifest: Manifest) -> Answer:
        """Make the pod. The answer has its metadata alone: the rest is what was sent."""
        return await self._send("POST", "", body=manifest, accept=METADATA)

    async def read(self, name: str) -> Answer:
        """Return the pod as it is now, whatever the watch has seen."""
        return await self._send("GET", f"/{name}")

    async def delete(self, name: str, uid: str, grace_seconds: int) -> Answer:
        """Delete the pod of that name if it is the one with this UID; otherwise 409 or 404."""
        options = {"gracePeriodSeconds": grace_seconds, "preconditions": {"uid": uid}}
        return await self._send("DELETE", f"/{name}", body=options)

    async def read_log(self, name: str, lines: int, previous: bool) -> str:
        """Return the last lines of the notebook container, or "" where they can't be had.

        ``previous``: of the run before the present one.
        """
        query = [("container", "notebook"), ("tailLines", str(lines))]
        query += [("limitBytes", str(_LOG_BYTES))] + ([("previous", "true")] if previous else [])
        answer = await self._send("GET", f"/{name}/log", query=query)
        return str(answer.body.get("message", "")) if answer.status == HTTPStatus.OK else ""

    async def _send(self, method: str, end: str, **options: Any) -> Answer:
        return await send(self._client, method, self._path + end, seconds=self._seconds, **options)

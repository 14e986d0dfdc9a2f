"""The requests for Secrets, so that nothing of what these hold gets into a log or an error.

The client's own methods log each answer's body at the level DEBUG, and their errors carry it.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import ClientError
from kubernetes_asyncio.client import CoreV1Api

from jhub_gateway.clients.kube_requests import METADATA, METADATA_LIST
from jhub_gateway.clients.plain_requests import request as ask
from jhub_gateway.clients.request_metrics import measure_request
from jhub_gateway.errors import CredentialUnavailable

REQUEST_SECONDS = 10
# Each on its way has a connection of its own, of a quarter of a MiB: a hub that restarts with a
# thousand servers has one request for each.
_AT_ONCE = 16
_turns: WeakKeyDictionary[Any, asyncio.Semaphore] = WeakKeyDictionary()
_PAGE = 200

_MERGE_PATCH = "application/merge-patch+json"
_JSON = "application/json"

Answer = dict[str, Any]


class SecretRequests:
    """The Secrets of a namespace.

    All methods raise CredentialUnavailable where the API server doesn't answer within 10 seconds,
    or not to this hub.
    """

    def __init__(self, api: CoreV1Api, namespace: str) -> None:
        self._client: Any = api.api_client  # type: ignore[attr-defined]
        self._namespace = namespace

    async def get(self, name: str) -> Answer | None:
        """Return the Secret with its contents, or None if there is none."""
        return await self._ask("GET", name, fine=(HTTPStatus.NOT_FOUND,))

    async def create(self, manifest: Answer) -> Answer | None:
        """Make it and return its metadata; None if there is one of that name."""
        return await self._ask("POST", "", manifest, accept=METADATA, fine=(HTTPStatus.CONFLICT,))

    async def patch(self, name: str, patch: Answer) -> Answer | None:
        """Return the metadata after a merge patch; None if it is gone or of another version."""
        fine = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        return await self._ask(
            "PATCH", name, patch, accept=METADATA, content=_MERGE_PATCH, fine=fine
        )

    async def delete(self, name: str, uid: str, version: str) -> bool:
        """Remove it if it is still that one, in that version; return whether it was."""
        options = {"preconditions": {"uid": uid, "resourceVersion": version}}
        fine = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        return await self._ask("DELETE", name, options, fine=fine) is not None

    async def list(self, selector: str) -> list[Answer]:
        """Return the metadata of all that the label selector chooses, without ``managedFields``."""
        found: list[Answer] = []
        query = {"labelSelector": selector, "limit": str(_PAGE)}
        while True:
            page = await self._ask("GET", "", query=query, accept=METADATA_LIST) or {}
            for item in page.get("items") or []:
                item["metadata"].pop("managedFields", None)
                found.append(item)
            following = page["metadata"].get("continue")
            if not following:
                return found
            query["continue"] = following

    async def _ask(self, *arguments: Any, **options: Any) -> Answer | None:
        turns = _turns.setdefault(self._client, asyncio.Semaphore(_AT_ONCE))
        async with turns:
            return await self._send(*arguments, **options)

    async def _send(
        self,
        method: str,
        name: str,
        body: Answer | None = None,
        *,
        query: dict[str, str] | None = None,
        accept: str = _JSON,
        content: str = _JSON,
        fine: tuple[HTTPStatus, ...] = (),
    ) -> Answer | None:
        try:
            with measure_request(method) as request:
                response = await ask(
                    self._client,
                    method,
                    f"/api/v1/namespaces/{self._namespace}/secrets/{name}".rstrip("/"),
                    seconds=REQUEST_SECONDS,
                    headers={"Accept": accept, "Content-Type": content},
                    query=(query or {}).items(),
                    body=body,
                )
                request.status = response.status
            async with response:
                if response.status in fine:
                    return None
                if response.status < HTTPStatus.BAD_REQUEST:
                    answer: Answer = await response.json()
                    return answer
        except (ClientError, OSError, TimeoutError, ValueError) as problem:
            raise CredentialUnavailable(
                f"{self._describe(method, name)}: {type(problem).__name__}"
            ) from problem
        raise CredentialUnavailable(
            f"{self._describe(method, name)}: {response.status} {response.reason}"
        )

    def _describe(self, method: str, name: str) -> str:
        what = f"{method} secrets/{name}".rstrip("/")
        return f"Kubernetes: {what} in the namespace {self._namespace!r}"

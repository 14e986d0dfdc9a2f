"""Requests to the API server on an operator's behalf: what it refuses is an error to read."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from jhub_gateway.clients.kube_requests import Answer, Manifest, send
from jhub_gateway.upgrade.errors import UpgradeError

REQUEST_SECONDS = 30


class KubeApi:
    """Each method asks once, with an ApiClient, and raises UpgradeError for a refusal."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def find(self, path: str) -> Manifest | None:
        """Return the object; None if there is none."""
        answer = await self.send("GET", path)
        is_missing = answer.status == HTTPStatus.NOT_FOUND
        return None if is_missing else self._take("GET", path, answer)

    async def ask(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        query: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (),
    ) -> Manifest:
        """Return what is answered; also with a status that is ``accepted``."""
        answer = await self.send(method, path, body, query)
        return answer.body if answer.status in accepted else self._take(method, path, answer)

    def _take(self, method: str, path: str, answer: Answer) -> Manifest:
        if not answer.is_fine:
            message = answer.body.get("message", "")
            raise UpgradeError(f"{method} {path}: Kubernetes answers {answer.status} {message}")
        return answer.body

    async def send(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return whatever is answered."""
        asked = (query or {}).items()
        return await send(
            self.client, method, path, seconds=REQUEST_SECONDS, body=body, query=asked
        )

"""Requests to the Kubernetes API whose answers stay plain mappings.

The client's own methods turn each answer into model objects, which for a pod takes longer than
all else that the hub does for it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import ClientError

from jhub_gateway.clients.plain_requests import request as ask
from jhub_gateway.clients.request_metrics import measure_request

UNREACHABLE = 0
# No start is worth waiting longer for.
_MOST_SECONDS = 60.0
# How an answer is asked for: as it is, or the metadata of an object or of a list's objects alone.
JSON = "application/json, */*"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered. ``status`` is 0 where it didn't in time.

    ``body`` is the object, or the ``Status`` of a refusal. ``retry_after`` is in seconds.
    """

    status: int
    body: Manifest
    retry_after: float | None = None

    @property
    def is_fine(self) -> bool:
        """Whether the request was carried out."""
        return HTTPStatus.OK <= self.status < HTTPStatus.BAD_REQUEST


async def send(
    client: Any,
    method: str,
    path: str,
    *,
    seconds: float,
    body: Manifest | None = None,
    query: Iterable[tuple[str, str]] = (),
    accept: str = JSON,
) -> Answer:
    """Ask once, with the ApiClient ``client``. Raises nothing but CancelledError.

    An answer that is no JSON object is the ``message`` of the body.
    """
    try:
        with measure_request(method) as request:
            response = await ask(
                client,
                method,
                path,
                seconds=seconds,
                headers={"Accept": accept, "Content-Type": "application/json"},
                query=query,
                body=body,
            )
            async with response:
                text = await response.text(errors="replace")
            request.status = response.status
    except (ClientError, OSError, TimeoutError, RuntimeError) as problem:
        message = f"{type(problem).__name__}: {problem}".rstrip(": ")
        return Answer(UNREACHABLE, {"message": message})
    after = _read_seconds(response.headers.get("Retry-After"))
    return Answer(response.status, _read_object(text, response.content_type), after)


def _read_object(text: str, kind: str) -> Manifest:
    try:
        found = json.loads(text) if kind == "application/json" else text
    except (ValueError, RecursionError):
        found = text
    return found if isinstance(found, dict) else {"message": str(found)}


def _read_seconds(header: str | None) -> float | None:
    is_number = header is not None and header.isascii() and header.isdigit()
    return min(float(header or 0), _MOST_SECONDS) if is_number else None

"""The id of a request, so that what it causes can be found by it: log lines, pods, API calls.

The id is what the proxy sent as ``X-Request-Id``, or made here. Tasks inherit it from the request
that made them; what goes on for longer than the request's own work is started under
:func:`outside_requests`.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from secrets import token_hex
from typing import Any

from jupyterhub.app import JupyterHub
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import GZipContentEncoding, OutputTransform

HEADER = "X-Request-Id"
ANNOTATION = "jhub-gateway/request-id"

# Users write the header too: what is logged and sent on must not say anything but an id.
_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def get_request_id() -> str:
    """Return the id of the request that caused this, or "" outside one."""
    return _request_id.get()


def make_request_id() -> str:
    """Return a new id: 10 hexadecimal digits, short enough to be read out to support."""
    return token_hex(5)


def pick_request_id(header: str | None) -> str:
    """Return the header's value if it is 1 to 64 of ``A-Za-z0-9._-``, or else a new id."""
    return header if header and _VALID.fullmatch(header) else make_request_id()


@contextmanager
def outside_requests() -> Iterator[None]:
    """Start something here that outlives the request: a watch or a poll bears no request's id."""
    token = _request_id.set("")
    try:
        yield
    finally:
        _request_id.reset(token)


def trace_requests(app: JupyterHub) -> None:
    """Give each request of this hub an id: in the answer's header, and in what the hub logs.

    Call it before the hub makes its tornado application. Harmless if that is done already.
    """
    settings = app.tornado_settings
    settings["transforms"] = [*_list_transforms(settings), RequestIdHeader]
    for handler in app.log.handlers:
        handler.addFilter(RequestIdFilter())


def _list_transforms(settings: Mapping[str, Any]) -> list[type[OutputTransform]]:
    # With transforms of our own tornado leaves out the one that its settings ask for.
    is_compressed = settings.get("compress_response") or settings.get("gzip")
    return settings.get("transforms", [GZipContentEncoding] if is_compressed else [])


class RequestIdHeader(OutputTransform):
    """Names the request, and says its id in the answer.

    Tornado makes one for each request before the task of its handler, which so inherits the id.
    """

    def __init__(self, request: HTTPServerRequest) -> None:
        self._id = pick_request_id(request.headers.get(HEADER))
        # JupyterHub logs the headers of a request that fails.
        request.headers[HEADER] = self._id
        _request_id.set(self._id)

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        headers[HEADER] = self._id
        return super().transform_first_chunk(status_code, headers, chunk, finishing)


class RequestIdFilter(logging.Filter):
    """Lets all records pass, those of a request with its id: as ``request_id``, and at the end."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Each of the hub's handlers sees the same record.
        if not hasattr(record, "request_id"):
            request_id = get_request_id()
            record.__dict__["request_id"] = request_id
            # A mapping is what a formatter of JSON takes apart; it finds the attribute.
            if request_id and not isinstance(record.msg, Mapping):
                record.msg = f"{record.msg} [request {request_id}]"
        return True

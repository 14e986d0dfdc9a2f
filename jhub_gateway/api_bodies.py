"""Requests to this project's part of the hub's REST API: who may, and what they say."""

from collections.abc import Callable
from typing import Any, TypeVar

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

_MOST_BYTES = 1024 * 1024

T = TypeVar("T")


def check_scopes(handler: APIHandler, *scopes: str) -> None:
    """Raise tornado's HTTPError 403 unless the request has each of the scopes, for all users."""
    if not handler.current_user:
        raise web.HTTPError(403, "Missing or invalid credentials.")
    missing = [scope for scope in scopes if not handler.has_scope(scope)]
    if missing:
        raise web.HTTPError(
            403, f"This needs the scopes {', '.join(missing)}, for all users: give them by a role."
        )


def read_body(handler: APIHandler, parse: Callable[[object], T]) -> T:
    """Return what ``parse`` makes of the JSON body; it raises ValueError with a sentence.

    Raises tornado's HTTPError 400, which says it.
    """
    if len(handler.request.body) > _MOST_BYTES:
        raise web.HTTPError(400, f"The body has more than {_MOST_BYTES} bytes.")
    try:
        body: Any = handler.get_json_body()
        return parse(body)
    except ValueError as problem:
        # What is no UTF-8 is one, too.
        raise web.HTTPError(400, "The body can't be used: %s.", problem) from None


def read_number(handler: APIHandler, name: str, default: int, most: int) -> int:
    """Return a number of the query, from 0 to ``most``. Raises tornado's HTTPError 400."""
    text = handler.get_query_argument(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise web.HTTPError(400, "%s must be a number from 0 to %d.", name, most)
    return int(text)

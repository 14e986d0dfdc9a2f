"""What operators' commands ask the hub's REST API."""

import json
import os
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from jhub_gateway.errors import ConfigurationError, GatewayError

REQUEST_SECONDS = 60
_PAGE = 200
# Only with this does the API say whether there are more.
_PAGINATED = "application/jupyterhub-pagination+json"


class HubUnavailable(GatewayError):
    """The hub does not answer, or not to this token. The message says which, without the token."""


def get_hub_access(command: str) -> tuple[str, str]:
    """Return the hub's API address, without a slash at its end, and a service's token for it.

    They are in JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN. Raises ConfigurationError, which leads
    to the help of ``command``.
    """
    url = _get_variable("JUPYTERHUB_API_URL", command)
    return url.rstrip("/"), _get_variable("JUPYTERHUB_API_TOKEN", command)


def list_active_users(url: str, token: str) -> Iterator[dict[str, Any]]:
    """Yield each user with a running server, as the API has them; ``url`` ends in ``/hub/api``.

    Their groups and their servers' state are there if the token may read them. Raises
    HubUnavailable.
    """
    offset: int | None = 0
    while offset is not None:
        page = _get(f"{url}/users?state=active&limit={_PAGE}&offset={offset}", token)
        try:
            users, following = list(page["items"]), page["_pagination"]["next"]
            offset = following["offset"] if following else None
        except (KeyError, TypeError):
            raise HubUnavailable(f"{url} does not answer as a hub does: no list of users") from None
        yield from users


def put_announcement(url: str, token: str, text: str) -> None:
    """Have the hub's pages show a text; empty: nothing. Raises HubUnavailable."""
    _ask("PUT", f"{url}/gateway/announcement", token, {"text": text})


def read_memory_use(url: str, token: str, days: int, by_user: bool) -> dict[str, Any]:
    """Return what sessions of the last ``days`` requested and used. Raises HubUnavailable."""
    found = _get(f"{url}/gateway/memory-use?days={days}&by_user={int(by_user)}", token)
    if not isinstance(found, dict):
        raise HubUnavailable(f"{url} does not answer as a hub does: no memory use")
    return found


def _get(url: str, token: str) -> Any:
    try:
        return json.loads(_ask("GET", url, token))
    except ValueError as problem:
        raise HubUnavailable(f"{url} does not answer as a hub does: {problem}") from None


def _ask(method: str, url: str, token: str, body: Any = None) -> bytes:
    if not (token.isascii() and token.isprintable()):
        # The library's own error would repeat it.
        raise HubUnavailable(f"{url} is not asked: the token has characters that no token has")
    headers = {
        "Authorization": f"token {token}",
        "Accept": _PAGINATED,
        "Content-Type": "application/json",
    }
    sent = None if body is None else json.dumps(body).encode()
    request = Request(url, sent, headers, method=method)  # noqa: S310
    try:
        with urlopen(request, timeout=REQUEST_SECONDS) as answer:  # noqa: S310
            content: bytes = answer.read()
            return content
    except HTTPError as problem:
        raise HubUnavailable(f"{url} answered {problem.code} {problem.reason}") from None
    except (URLError, OSError, HTTPException, ValueError) as problem:
        raise HubUnavailable(f"{url} does not answer as a hub does: {problem}") from None


def _get_variable(name: str, command: str) -> str:
    value = os.environ.get(name, "").strip()  # from a file it often has the line's end
    if not value:
        raise ConfigurationError(f"{name} is not set; see {command} --help")
    return value

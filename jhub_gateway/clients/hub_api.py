"""What operators' commands ask the hub's REST API."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from jhub_gateway.errors import GatewayError

REQUEST_SECONDS = 60
_PAGE = 200
# Only with this does the API say whether there are more.
_PAGINATED = "application/jupyterhub-pagination+json"


class HubUnavailable(GatewayError):
    """The hub does not answer, or not to this token. The message says which, without the token."""


def list_active_users(url: str, token: str) -> Iterator[dict[str, Any]]:
    """Yield each user with a running server, as the API has them; ``url`` ends in ``/hub/api``.

    Their groups and their servers' state are there if the token may read them. Raises
    HubUnavailable.
    """
    offset: int | None = 0
    while offset is not None:
        page = _get(f"{url}/users?state=active&limit={_PAGE}&offset={offset}", token)
        yield from page["items"]
        following = page["_pagination"]["next"]
        offset = following["offset"] if following else None


def _get(url: str, token: str) -> Any:
    headers = {"Authorization": f"token {token}", "Accept": _PAGINATED}
    try:
        with urlopen(Request(url, headers=headers), timeout=REQUEST_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except HTTPError as problem:
        raise HubUnavailable(f"{url} answered {problem.code} {problem.reason}") from None
    except (URLError, OSError, ValueError) as problem:
        raise HubUnavailable(f"{url} does not answer as a hub does: {problem}") from None

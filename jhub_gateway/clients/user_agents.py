"""What the hub calls itself in the API server's audit log."""

from collections import UserDict
from importlib.metadata import version
from typing import Any

from jhub_gateway.request_ids import get_request_id

_HEADER = "User-Agent"
_NAME = f"jhub-gateway/{version('jhub-gateway')}"


def make_user_agent() -> str:
    """Return ``jhub-gateway/<version>``, and ``(request <id>)`` if a request caused the call."""
    request_id = get_request_id()
    cause = f" (request {request_id})" if request_id else ""
    return f"{_NAME}{cause}"


def name_caller(client: Any) -> None:
    """Have a Kubernetes ``ApiClient`` say with each call who calls, and for which request.

    Harmless if that is done already: KubeSpawner shares one client among all spawners.
    """
    if not isinstance(client.default_headers, _CallHeaders):
        client.default_headers = _CallHeaders(client.default_headers)


class _CallHeaders(UserDict[str, str]):
    """The headers of every call; the client reads them anew for each."""

    def __getitem__(self, name: str) -> str:
        return make_user_agent() if name == _HEADER else super().__getitem__(name)

"""A credential's token in the requests of httpx and requests, always the one on the disk.

Neither library is needed to import this.
"""

from collections.abc import AsyncGenerator, Generator
from functools import cache
from typing import TYPE_CHECKING, Any

from jhub_gateway.notebook.credential_tokens import WAIT, token

if TYPE_CHECKING:
    import httpx
    import requests


def auth(name: str = "login", *, wait: float = WAIT) -> "BearerAuth":
    """Return what httpx and requests take as ``auth``: it sends the token of a credential.

    A request that is answered 401 is sent once more, if the token on the disk is another by then
    and the body was not a stream. An expired token is waited for and refused as
    :func:`~jhub_gateway.notebook.token` does it, which says what is raised, too.
    """
    try:
        return _make_httpx_class()(name, wait)
    except ImportError:
        return BearerAuth(name, wait)


class BearerAuth:
    """Sends a token as RFC 6750 has it. Make it by :func:`auth`."""

    def __init__(self, name: str, wait: float) -> None:
        self.name = name
        self.wait = wait

    def __repr__(self) -> str:
        return f"auth({self.name!r}, wait={self.wait!r})"

    def _make_header(self) -> str:
        return f"Bearer {token(self.name, wait=self.wait)}"

    # requests

    def __call__(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        request.headers["Authorization"] = self._make_header()
        request.register_hook("response", self._repeat)
        return request

    def _repeat(self, response: "requests.Response", **options: Any) -> "requests.Response":
        request = response.request
        sent = request.headers.get("Authorization")
        # Without one: a redirect led to another host, which has to do without.
        if response.status_code != 401 or not _is_bearer(sent):
            return response
        if not isinstance(request.body, str | bytes | None) or (new := self._make_header()) == sent:
            return response
        # As HTTPDigestAuth does it: read and released, the connection can be used again.
        response.content  # noqa: B018
        response.close()
        again = request.copy()
        again.headers["Authorization"] = new
        answer = response.connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        return answer

    # httpx

    def auth_flow(self, request: "httpx.Request") -> Generator["httpx.Request", "httpx.Response"]:
        request.headers["Authorization"] = self._make_header()
        response = yield request
        if _may_repeat(response) and _set_other(response.request, self._make_header()):
            yield response.request

    async def async_auth_flow(
        self, request: "httpx.Request"
    ) -> AsyncGenerator["httpx.Request", "httpx.Response"]:
        request.headers["Authorization"] = await _run_in_thread(self._make_header)
        response = yield request
        if _may_repeat(response) and _set_other(
            response.request, await _run_in_thread(self._make_header)
        ):
            yield response.request


def _is_bearer(header: str | bytes | None) -> bool:
    return isinstance(header, str) and header.startswith("Bearer ")


def _may_repeat(response: "httpx.Response") -> bool:
    import httpx

    # Without the header: a redirect led to another host, which has to do without.
    if response.status_code != 401 or not _is_bearer(response.request.headers.get("Authorization")):
        return False
    # What came as bytes or text. A stream has been read already, and there is only one of it.
    return isinstance(response.request.stream, httpx.ByteStream)


def _set_other(request: "httpx.Request", header: str) -> bool:
    if request.headers["Authorization"] == header:
        return False
    request.headers["Authorization"] = header
    return True


async def _run_in_thread(function: Any) -> Any:
    # httpx needs it itself; it waits in trio's loop as in asyncio's.
    from anyio.to_thread import run_sync

    return await run_sync(function)


@cache
def _make_httpx_class() -> type[BearerAuth]:
    """Return the class that httpx takes for one of its own; raises ImportError without httpx."""
    import httpx

    return type("BearerAuth", (BearerAuth, httpx.Auth), {})

"""What the culling service asks users' servers: how they are used. It tells them what is to come.

A server is its user's: its answer may be anything, of any length, at any speed. It is shown the key
of its own run, and never the service's token.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import (
    ClientError,
    ClientOSError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)

from jhub_gateway.models import ServerUse
from jhub_gateway.policy.cull_uses import read_busy, read_use
from jhub_gateway.policy.memory_peaks import read_peak

KEY_HEADER = "X-Jhub-Gateway-Key"
MOST_BYTES = 16 * 1024
_END = "jhub-gateway/use"


@dataclass(frozen=True, slots=True)
class Told:
    """What a server said of its use; ``busy`` is what is busy in it, in words, or "".

    ``peak`` is the bytes of memory that it has used at most, where it knows.
    """

    use: ServerUse
    busy: str = ""
    peak: int | None = None


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The server runs without jhub-gateway in it, or without a key."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The server did not answer, or not as one does; ``problem`` is for the log."""

    problem: str


Answer = Told | CannotTell | Silent


class ServerAsker:
    """Asks servers. With ``proxy_url`` by way of JupyterHub's proxy, else where they listen."""

    def __init__(self, session: ClientSession, proxy_url: str = "") -> None:
        self._session = session
        self._proxy_url = proxy_url.rstrip("/")

    async def ask(self, url: str, key: str, body: Mapping[str, Any], age: float) -> Answer:
        """Ask the server at ``url``, begun ``age`` seconds ago, and show it ``body``.

        Raises nothing but CancelledError.
        """
        if not (url and key):
            return CannotTell()
        try:
            async with self._session.post(
                self._make_url(url), json=body, headers={KEY_HEADER: key}, allow_redirects=False
            ) as response:
                if response.status == HTTPStatus.NOT_FOUND:
                    return CannotTell()
                if response.status != HTTPStatus.OK:
                    return Silent(f"it answered {response.status}")
                return _read_answer(await _read_body(response), age)
        except (ClientError, OSError, TimeoutError, ValueError, RecursionError) as problem:
            return Silent(_describe(problem))

    def _make_url(self, url: str) -> str:
        place = urlsplit(url)
        path = f"{place.path.rstrip('/')}/{_END}"
        if self._proxy_url:
            return self._proxy_url + path
        return urlunsplit((place.scheme, place.netloc, path, "", ""))


@asynccontextmanager
async def open_server_asker(
    concurrency: int, request_timeout: float, proxy_url: str = ""
) -> AsyncIterator[ServerAsker]:
    """Give what asks servers, ``concurrency`` at once, each for ``request_timeout`` seconds."""
    session = ClientSession(
        # A server is asked again in minutes or hours: a connection that is kept is of no use.
        connector=TCPConnector(limit=concurrency, force_close=True),
        timeout=ClientTimeout(total=request_timeout),
        # A few bytes could become gigabytes.
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        cookie_jar=DummyCookieJar(),
    )
    async with session:
        yield ServerAsker(session, proxy_url)


def _read_answer(text: bytes, age: float) -> Told:
    answer = json.loads(text)
    return Told(read_use(answer, age), read_busy(answer), read_peak(answer))


def _describe(problem: Exception) -> str:
    kind = type(problem).__name__
    # What else the library says has pieces of what the server wrote.
    is_foreign = isinstance(problem, ClientError) and not isinstance(problem, ClientOSError)
    return kind if is_foreign else f"{kind}: {problem}".rstrip(": ")


async def _read_body(response: Any) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > MOST_BYTES:
            raise ValueError(f"the answer is longer than {MOST_BYTES} bytes")
    return bytes(found)

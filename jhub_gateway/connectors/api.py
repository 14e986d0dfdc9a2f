"""What connectors share whose systems give tokens by an HTTP API of their own."""

import json
import re
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tornado.httpclient import HTTPClientError

from jhub_gateway.chance import draw_chance
from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.refresh import find_due

# How often a system is looked at, in seconds, unless the operator says otherwise. Two minutes are
# the fewest: servers may read for that long what came before.
CHECK_SECONDS = 600.0
FEWEST_CHECK_SECONDS = 120.0

# All requests of one call of a connector together: it is cancelled after fifteen seconds.
REQUEST_SECONDS = 12.0

# As RFC 6750 has it, which fits files of settings too: no space, no line break, no quotes.
_TOKEN = re.compile(r"[-._~+/A-Za-z0-9]{1,4096}=*", re.ASCII)


class RequestRefused(CredentialUnavailable):
    """A system answered with ``code``, a redirect's or 4xx: what that means, the caller knows."""

    def __init__(self, url: str, code: int) -> None:
        super().__init__(f"{url} answered {code}")
        self.code = code

    @property
    def is_about_token(self) -> bool:
        """Whether it is the token that the system does not take."""
        return self.code in (401, 403)


class ApiConnector(Connector):
    """A system that is asked for a token, and looked at every ``check_seconds`` from then on.

    A look that fails makes this credential late, and no other. A token that the system takes no
    more is replaced at once, the others when half of their lifetime has passed.
    """

    # Systems keep each token until its end: a restart of the hub must not make another.
    is_kept = True

    def __init__(
        self,
        name: str,
        audience: str,
        check_seconds: float = CHECK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience)
        self.check_seconds = check_seconds
        self._clock = clock

    @abstractmethod
    async def look(self, service: TokenService, issued: Issued) -> Issued | None:
        """Return what was issued, as it is good now; None if the system takes it no more.

        Raises CredentialUnavailable.
        """

    async def replace(self, login: Login, service: TokenService, issued: Issued) -> Issued:  # noqa: ARG002
        """Return another token in place of what was issued. Raises as ``issue``."""
        return await self.issue(login, service)

    async def renew(self, login: Login, service: TokenService, issued: Issued) -> Issued:
        due = issued.handle.get("due")
        if due is None or self._clock() < due:
            good = await self.look(service, issued)
            if good is not None:
                return self._plan(good)
        return await self.replace(login, service, issued)

    def check_login(self, login: Login) -> None:
        """Raise CredentialUnavailable if a system would refuse the login's token, being late."""
        if login.expires_at is not None and login.expires_at <= self._clock():
            raise CredentialUnavailable(
                f"credential {self.name!r}: the login's token is not renewed"
            )

    def make_issued(
        self,
        files: Mapping[str, bytes],
        handle: Mapping[str, Any],
        expires_at: float | None,
        renew_at: float | None = None,
        token: str | None = None,
    ) -> Issued:
        """Return a credential that is replaced at ``renew_at``, or else at half of its lifetime."""
        if renew_at is None and expires_at is not None:
            renew_at = find_due(self._clock(), expires_at, draw_chance())
        return self._plan(Issued(files, token, expires_at, handle={**handle, "due": renew_at}))

    def _plan(self, issued: Issued) -> Issued:
        times = [self._clock() + self.check_seconds, issued.handle.get("due")]
        return replace(issued, renew_at=min(time for time in times if time is not None))

    async def ask(
        self,
        service: TokenService,
        url: str,
        headers: Mapping[str, str],
        method: str = "GET",
        body: object = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Any:
        """Return the decoded JSON of the system's answer, None if it is empty.

        ``body`` is sent as JSON. Raises RequestRefused, or CredentialUnavailable without an answer.
        """
        is_sent = method in ("POST", "PUT")
        try:
            return await service.httpfetch(
                url,
                label=f"asking for the credential {self.name}",
                method=method,
                headers={"Content-Type": "application/json", **headers} if is_sent else headers,
                body=json.dumps(body) if body is not None else "" if is_sent else None,
                # A redirect could take the token to another host.
                follow_redirects=False,
                connect_timeout=seconds,
                request_timeout=seconds,
            )
        except HTTPClientError as answer:
            raise RequestRefused(url, answer.code) from None


def read_token(value: object, source: object = "the answer") -> str:
    """Return a token out of ``source``. Raises CredentialUnavailable, without the value."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise CredentialUnavailable(f"{source} has no token, or one that no header can hold")
    return value


def bear(token: str) -> dict[str, str]:
    """Return the header that carries a bearer token."""
    return {"Authorization": f"Bearer {token}"}


def pick(answer: object, *keys: str) -> Any:
    """Return what an answer has below the keys; None if it is not there."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    return answer


def read_moment(value: object) -> float | None:
    """Return seconds since 1970 of an ISO 8601 text, by UTC if it names no zone; None if none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

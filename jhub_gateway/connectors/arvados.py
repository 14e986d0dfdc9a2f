"""Arvados: a token of the user's, as the file that its own tools and SDK read."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from jhub_gateway.connectors.api import (
    CHECK_SECONDS,
    FEWEST_CHECK_SECONDS,
    REQUEST_SECONDS,
    ApiConnector,
    RequestRefused,
    bear,
    pick,
    read_moment,
    read_token,
)
from jhub_gateway.connectors.base import TokenService
from jhub_gateway.connectors.settings import read_seconds
from jhub_gateway.errors import CredentialRefused, CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import read_settings
from jhub_gateway.policy.entry_values import read_component

_LIFETIME_SECONDS = 24 * 3600.0
_UUID = re.compile(r"[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{15}", re.ASCII)
_TOKENS = "arvados/v1/api_client_authorizations"
_Result = TypeVar("_Result")


class Arvados(ApiConnector):
    """Has a cluster make a token that lives for ``lifetime_seconds``, by the login's access token.

    ``api_hosts`` are hosts of the same cluster or of one federation. The first that answers is
    written into ``file``, so that a host that is down is only skipped. A token that was replaced
    lives to its own end: kernels that have read it go on.
    """

    def __init__(
        self,
        name: str,
        audience: str,
        api_hosts: Sequence[str],
        lifetime_seconds: float = _LIFETIME_SECONDS,
        file: str = "settings.conf",
        check_seconds: float = CHECK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience or api_hosts[0], check_seconds, clock)
        self.api_hosts = tuple(api_hosts)
        self.lifetime_seconds = lifetime_seconds
        self.file = file

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {
            "api_hosts": _read_hosts,
            "lifetime_seconds": read_seconds(600),
            "file": read_component,
            "check_seconds": read_seconds(FEWEST_CHECK_SECONDS),
        }
        return cls(name, audience, **read_settings(name, settings, readers, ("api_hosts",)))

    async def issue(self, login: Login, service: TokenService) -> Issued:
        self.check_login(login)
        asked_at = self._clock()
        ends = asked_at + self.lifetime_seconds
        record = {"expires_at": datetime.fromtimestamp(ends, UTC).isoformat()}
        body = {"api_client_authorization": record}

        async def create(host: str) -> Issued:
            made = await self._ask(service, host, login.access_token, "POST", _TOKENS, body)
            return self._make_issued(host, made, ends)

        try:
            return await self._try_hosts(self.api_hosts, create)
        except RequestRefused as answer:
            if not answer.is_about_token:
                raise
            raise CredentialRefused(
                f"Log in at {self.api_hosts[0]} once, then start your server again."
            ) from answer

    async def replace(self, login: Login, service: TokenService, issued: Issued) -> Issued:
        renewed = await self.issue(login, service)
        before = {key: issued.handle[key] for key in ("host", "uuid", "token")}
        return replace(renewed, handle={**renewed.handle, "before": before})

    async def look(self, service: TokenService, issued: Issued) -> Issued | None:
        token, current = issued.handle["token"], issued.handle["host"]

        async def find_good(host: str) -> Issued:
            await self._ask(service, host, token, "GET", f"{_TOKENS}/current")
            handle = {**issued.handle, "host": host}
            return replace(issued, files=self._write(host, token), handle=handle)

        try:
            return await self._try_hosts(self._put_first(current), find_good)
        except RequestRefused as answer:
            if answer.code == 401:
                return None
            raise

    async def revoke(self, service: TokenService, issued: Issued) -> None:
        for made in (issued.handle.get("before"), issued.handle):
            if made:
                await self._delete(service, made)

    async def _delete(self, service: TokenService, made: Mapping[str, Any]) -> None:
        path = f"{_TOKENS}/{made['uuid']}"
        try:
            await self._try_hosts(
                self._put_first(made["host"]),
                lambda host: self._ask(service, host, made["token"], "DELETE", path),
            )
        except RequestRefused as answer:
            # It has ended before, by its lifetime or by the user's own hand.
            if answer.code not in (401, 404):
                raise

    def _make_issued(self, host: str, made: object, ends: float) -> Issued:
        uuid = pick(made, "uuid")
        if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
            raise CredentialUnavailable(f"credential {self.name!r}: {host} answered with no token")
        token = f"v2/{uuid}/{read_token(pick(made, 'api_token'))}"
        # A cluster may let tokens live for less than was asked for.
        told = read_moment(pick(made, "expires_at"))
        return self.make_issued(
            self._write(host, token),
            {"host": host, "uuid": uuid, "token": token},
            expires_at=ends if told is None else min(ends, told),
        )

    def _put_first(self, host: str) -> list[str]:
        """Return the hosts, with this one first unless the operator has removed it."""
        return sorted(self.api_hosts, key=lambda each: each != host)

    def _write(self, host: str, token: str) -> dict[str, bytes]:
        text = f"ARVADOS_API_HOST={host}\nARVADOS_API_TOKEN={token}\n"
        return {self.file: text.encode()}

    async def _try_hosts(
        self, hosts: Sequence[str], ask: Callable[[str], Awaitable[_Result]]
    ) -> _Result:
        """Return the first answer. Raises CredentialUnavailable with what all hosts said."""
        problems = []
        for host in hosts:
            try:
                return await ask(host)
            except RequestRefused:
                raise
            except CredentialUnavailable as problem:
                problems.append(str(problem))
        raise CredentialUnavailable("; ".join(problems))

    async def _ask(
        self,
        service: TokenService,
        host: str,
        token: str,
        method: str,
        path: str,
        body: object = None,
    ) -> Any:
        # One host that swallows connections must leave time for those after it.
        seconds = REQUEST_SECONDS / len(self.api_hosts)
        return await self.ask(service, f"https://{host}/{path}", bear(token), method, body, seconds)


def _read_hosts(value: object) -> tuple[str, ...]:
    hosts = [value] if isinstance(value, str) else value
    if not isinstance(hosts, list | tuple) or not 1 <= len(hosts) <= _MOST_HOSTS:
        raise ValueError(f"{value!r} is no list of 1 to {_MOST_HOSTS} hosts")
    for host in hosts:
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host such as zzzzz.example.org, with a port or none")
    return tuple(dict.fromkeys(hosts))


_MOST_HOSTS = 4
_HOST = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)

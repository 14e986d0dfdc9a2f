"""Dataverse: the user's one API token, for clients that take no bearer token."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from jhub_gateway.connectors.api import (
    CHECK_SECONDS,
    FEWEST_CHECK_SECONDS,
    ApiConnector,
    RequestRefused,
    bear,
    pick,
    read_moment,
    read_token,
)
from jhub_gateway.connectors.base import TokenService
from jhub_gateway.connectors.settings import read_seconds, read_secure_url
from jhub_gateway.errors import CredentialRefused
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import read_settings

# The answer is a sentence; its time names no zone.
_TOLD = re.compile(r" is (\S+)(?: and expires on (\S+ \S+))?")


class Dataverse(ApiConnector):
    """Has an installation make the user's API token by the login's access token.

    The files are ``<name>.api_token`` and ``<name>.server_url``, the two arguments of its clients.
    A user has one API token: another ends the first at once, so it is made as seldom as it can be.
    """

    def __init__(
        self,
        name: str,
        audience: str,
        url: str,
        check_seconds: float = CHECK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience or url, check_seconds, clock)
        self.url = url

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {"url": read_secure_url, "check_seconds": read_seconds(FEWEST_CHECK_SECONDS)}
        return cls(name, audience, **read_settings(name, settings, readers, ("url",)))

    async def issue(self, login: Login, service: TokenService) -> Issued:
        self.check_login(login)
        url = f"{self.url}/api/users/token/recreate?returnExpiration=true"
        try:
            answer = await self.ask(service, url, bear(login.access_token), "POST")
        except RequestRefused as refusal:
            if not refusal.is_about_token:
                raise
            raise CredentialRefused(
                f"Log in at {self.url} once, then start your server again."
            ) from refusal
        told = _TOLD.search(str(pick(answer, "data", "message")))
        token = read_token(told and told[1])
        files = {f"{self.name}.api_token": token, f"{self.name}.server_url": self.url}
        return self.make_issued(
            {name: text.encode() for name, text in files.items()},
            {},
            expires_at=read_moment(told and told[2]),
        )

    async def look(self, service: TokenService, issued: Issued) -> Issued | None:
        try:
            await self.ask(service, f"{self.url}/api/users/:me", self._identify(issued))
        except RequestRefused as answer:
            if answer.code == 401:
                return None
            raise
        return issued

    async def revoke(self, service: TokenService, issued: Issued) -> None:
        try:
            await self.ask(service, f"{self.url}/api/users/token", self._identify(issued), "DELETE")
        except RequestRefused as answer:
            # The user has ended it already.
            if answer.code not in (401, 404):
                raise

    def _identify(self, issued: Issued) -> dict[str, str]:
        return {"X-Dataverse-key": issued.files[f"{self.name}.api_token"].decode()}

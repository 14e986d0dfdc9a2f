"""JATOS: an API token of the user's, which an administrator's token makes and deletes."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
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
from jhub_gateway.connectors.settings import read_path, read_seconds, read_secure_url
from jhub_gateway.errors import CredentialRefused, CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import make_setting_error, read_settings
from jhub_gateway.policy.entry_values import read_choice

# JATOS may keep a token for ever. One that leaked is of use for a week at most.
_LONGEST_SECONDS = 7 * 24 * 3600.0


class Jatos(ApiConnector):
    """Makes a token for the user whose name at JATOS is the login's ``user``.

    The files are ``<name>.token``, a bearer token, and ``<name>.url``. Another token is made each
    week. The one before it is deleted at the next look, as servers may read it until then.
    """

    def __init__(
        self,
        name: str,
        audience: str,
        url: str,
        admin_token_file: Path,
        user: str = "subject",
        check_seconds: float = CHECK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience or url, check_seconds, clock)
        self.url = url
        self.admin_token_file = admin_token_file
        self.user = user

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {
            "url": read_secure_url,
            "admin_token_file": read_path,
            "user": read_choice("subject", "username"),
            "check_seconds": read_seconds(FEWEST_CHECK_SECONDS),
        }
        required = ("url", "admin_token_file")
        return cls(name, audience, **read_settings(name, settings, readers, required))

    def check(self) -> None:
        try:
            self._read_admin_token()
        except CredentialUnavailable as error:
            raise make_setting_error(self.name, f"admin_token_file: {error}") from error

    async def issue(self, login: Login, service: TokenService) -> Issued:
        user = await self._find_user(login, service)
        body = {"name": f"notebook {self.name}"}
        made = pick(await self._administer(service, "POST", f"users/{user}/tokens", body), "data")
        token, number = read_token(pick(made, "token")), pick(made, "id")
        if not isinstance(number, int):
            raise CredentialUnavailable(f"credential {self.name!r}: the new token has no id")
        ends = read_moment(pick(made, "expirationDate"))
        files = {f"{self.name}.token": token, f"{self.name}.url": self.url}
        return self.make_issued(
            {name: text.encode() for name, text in files.items()},
            {"id": number},
            expires_at=ends,
            renew_at=self._clock() + _LONGEST_SECONDS if ends is None else None,
            token=f"{self.name}.token",
        )

    async def replace(self, login: Login, service: TokenService, issued: Issued) -> Issued:
        # Nothing that is lost sight of may go on: no more than two at any time.
        await self._delete(service, issued.handle.get("before"))
        renewed = await self.issue(login, service)
        return replace(renewed, handle={**renewed.handle, "before": issued.handle["id"]})

    async def look(self, service: TokenService, issued: Issued) -> Issued | None:
        token = issued.files[f"{self.name}.token"].decode()
        try:
            await self.ask(service, self._locate("admin/token"), bear(token))
        except RequestRefused as answer:
            if answer.code == 401:
                return None
            raise
        await self._delete(service, issued.handle.get("before"))
        return replace(issued, handle={**issued.handle, "before": None})

    async def revoke(self, service: TokenService, issued: Issued) -> None:
        for number in (issued.handle.get("before"), issued.handle["id"]):
            await self._delete(service, number)

    async def _find_user(self, login: Login, service: TokenService) -> int:
        """Return the user's number. Raises CredentialRefused to whom JATOS has not met yet."""
        wanted = getattr(login, self.user)
        users = pick(await self._administer(service, "GET", "users"), "data")
        for user in users if isinstance(users, list) else []:
            if pick(user, "username") == wanted and isinstance(pick(user, "id"), int):
                return int(user["id"])
        raise CredentialRefused(f"Log in at {self.url} once, then start your server again.")

    async def _delete(self, service: TokenService, number: int | None) -> None:
        if number is None:
            return
        try:
            await self._administer(service, "DELETE", f"tokens/{number}")
        except RequestRefused as answer:
            # The user has deleted it already.
            if answer.code != 404:
                raise

    async def _administer(
        self, service: TokenService, method: str, path: str, body: object = None
    ) -> Any:
        token = await asyncio.to_thread(self._read_admin_token)
        return await self.ask(service, self._locate(path), bear(token), method, body)

    def _locate(self, path: str) -> str:
        return f"{self.url}/jatos/api/v1/{path}"

    def _read_admin_token(self) -> str:
        """Return the administrator's token: read each time, as an operator may change it."""
        try:
            token = self.admin_token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no token"
            raise CredentialUnavailable(
                f"{self.admin_token_file} can't be read: {problem}"
            ) from error
        return read_token(token, self.admin_token_file)

"""GA4GH's TES, WES and their like: an address, and the bearer token that the service takes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.connectors.plain import Plain
from jhub_gateway.connectors.settings import read_url
from jhub_gateway.connectors.static import Static
from jhub_gateway.connectors.token_exchange import TokenExchange
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import make_setting_error, read_settings
from jhub_gateway.policy.entry_values import read_choice, read_flag

_SECONDS = 5.0
_BEARERS: Mapping[str, type[Connector]] = {
    "exchange": TokenExchange,
    "login": Plain,
    "static": Static,
}
# The keys of those, which read the values themselves.
_BEARER_KEYS = ("resource", "scope", "requested_token_type", "directory", "token", "reread_seconds")


class Ga4gh(Connector):
    """Has its token from the connector ``bearer``, and adds the address as the file ``<name>.url``.

    The service is looked at first, at each renewal: one that is down costs the provider nothing,
    and its credential is told as late. ``is_checked`` is off where the hub can't reach it.
    """

    def __init__(self, bearer: Connector, url: str, is_checked: bool = True) -> None:
        super().__init__(bearer.name, bearer.audience or url)
        self.bearer = bearer
        self.url = url
        self.is_checked = is_checked

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        own = {"url": read_url, "bearer": read_choice(*_BEARERS), "health_check": read_flag}
        readers = {**own, **dict.fromkeys(_BEARER_KEYS, lambda value: value)}
        values = read_settings(name, settings, readers, ("url",))
        bearer = _BEARERS[values.get("bearer", "exchange")]
        if bearer is Static and "token" not in values:
            raise make_setting_error(name, "it has no 'token', which 'bearer: static' needs")
        rest = {key: value for key, value in settings.items() if key not in own}
        made = bearer.make(name, audience, rest)
        return cls(made, values["url"], values.get("health_check", True))

    def check(self) -> None:
        self.bearer.check()

    async def issue(self, login: Login, service: TokenService) -> Issued:
        if self.is_checked:
            await self._look(service)
        issued = await self.bearer.issue(login, service)
        return replace(issued, files={**issued.files, f"{self.name}.url": self.url.encode()})

    async def revoke(self, service: TokenService, issued: Issued) -> None:
        await self.bearer.revoke(service, issued)

    async def _look(self, service: TokenService) -> None:
        """Raise CredentialUnavailable if there is no answer: any is one, also that to log in."""
        await service.httpfetch(
            f"{self.url}/service-info",
            label=f"looking at {self.name}",
            parse_json=False,
            raise_error=False,
            follow_redirects=False,
            connect_timeout=_SECONDS,
            request_timeout=_SECONDS,
        )

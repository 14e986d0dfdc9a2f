"""A token of the provider's for one service, in exchange for the login's (RFC 8693)."""

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import make_setting_error, read_settings
from jhub_gateway.policy.entry_values import read_text

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
_TYPES = "urn:ietf:params:oauth:token-type:"
_ACCESS, _JWT, _REFRESH = (f"{_TYPES}{kind}" for kind in ("access_token", "jwt", "refresh_token"))

# What fits an HTTP header: no space, no line break, no letter outside ASCII.
_TOKEN = re.compile(r"[!-~]{1,65536}", re.ASCII)


class TokenExchange(Connector):
    """Has the provider issue a token for ``audience`` or ``resource``, as the file ``<name>``.

    ``scope`` and ``requested_token_type`` are sent if they are set. A token whose lifetime the
    provider doesn't tell holds as long as the login's access token. It is not kept over a restart
    of the hub: another exchange ends no earlier token, and costs one request per user. A token
    from before the restart then ends by its lifetime alone, as nobody is left to revoke it.
    """

    def __init__(
        self,
        name: str,
        audience: str = "",
        resource: str | None = None,
        scope: str | None = None,
        requested_token_type: str = _ACCESS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience)
        asked = {
            "audience": audience,
            "resource": resource,
            "scope": scope,
            "requested_token_type": requested_token_type,
        }
        self._asked = {key: value for key, value in asked.items() if value}
        self._types = {requested_token_type, _ACCESS, _JWT}
        self._clock = clock

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {
            "resource": _read_resource,
            "scope": read_text,
            "requested_token_type": _read_type,
        }
        values = read_settings(name, settings, readers)
        if not audience and "resource" not in values:
            raise make_setting_error(name, "it has no 'audience' and no 'resource', and needs one")
        return cls(name, audience, **values)

    async def issue(self, login: Login, service: TokenService) -> Issued:
        # The lifetime counts from before the request: however long it takes, and however wrong
        # the provider's clock is, the token is never thought to hold longer than it does.
        asked_at = self._clock()
        if login.expires_at is not None and login.expires_at <= asked_at:
            # The provider would refuse as it does to a user who may not have it, which is no delay.
            raise CredentialUnavailable(
                f"credential {self.name!r}: the login's token is not renewed"
            )
        response = await service.request_token(
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": login.access_token,
                "subject_token_type": _ACCESS,
                **self._asked,
            }
        )
        token = self._get_token(response)
        lifetime = self._get_lifetime(response)
        return Issued(
            files={self.name: token.encode()},
            token=self.name,
            expires_at=login.expires_at if lifetime is None else asked_at + lifetime,
        )

    async def revoke(self, service: TokenService, issued: Issued) -> None:
        if token := issued.files.get(self.name):
            await service.revoke_token(token.decode())

    def _get_token(self, response: object) -> str:
        if not isinstance(response, Mapping):
            raise self._make_error("is no JSON object")
        token = response.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._make_error("has no access_token, or one that no HTTP header can carry")
        # A refresh token would outlive the login, so it never gets into a server.
        if response.get("issued_token_type") not in self._types:
            raise self._make_error("has no issued_token_type, or another one than was asked for")
        if str(response.get("token_type", "N_A")).lower() not in ("bearer", "n_a"):
            raise self._make_error("has a token_type other than Bearer")
        return token

    def _get_lifetime(self, response: Mapping[str, object]) -> float | None:
        """Return the token's lifetime in seconds; None if the provider doesn't say."""
        lifetime = response.get("expires_in")
        if lifetime is None:
            return None
        if not isinstance(lifetime, (int, float)) or isinstance(lifetime, bool):
            raise self._make_error("has an expires_in that is no number")
        # Compared before anything else: a JSON integer may be too large for a float.
        if not 0 < lifetime < math.inf or lifetime > _LONGEST:
            raise self._make_error("has an expires_in that is no lifetime")
        return float(lifetime)

    def _make_error(self, problem: str) -> CredentialUnavailable:
        """Return the error about a response. The response itself may hold tokens."""
        return CredentialUnavailable(
            f"credential {self.name!r}: the provider's answer to the token exchange {problem}"
        )


# Seconds: a hundred years, which no provider means.
_LONGEST = 100 * 365 * 24 * 3600


def _read_resource(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or not parts.scheme or not (parts.netloc or parts.path) or "#" in str(value):
        raise ValueError(f"{value!r} is no absolute URI without a fragment")
    return str(value)


def _read_type(value: object) -> str:
    text = read_text(value)
    if text == _REFRESH:
        raise ValueError("a refresh token never leaves the hub; ask for an access token")
    return text

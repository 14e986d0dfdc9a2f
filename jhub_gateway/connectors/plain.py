"""A system that takes the login's own access token."""

from collections.abc import Mapping
from typing import Any, Self

from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import ACCESS_TOKEN, read_settings


class Plain(Connector):
    """Names the login's access token as a system's; makes no request and no file of its own.

    It takes no settings but the shared ones.
    """

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        read_settings(name, settings, {})
        return cls(name, audience)

    async def issue(self, login: Login, service: TokenService) -> Issued:  # noqa: ARG002
        return Issued(token=ACCESS_TOKEN, expires_at=login.expires_at)

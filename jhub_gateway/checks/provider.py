"""Whether the OpenID provider is what the issuer says."""

import asyncio
from collections.abc import Iterator

from jhub_gateway.checks.report import Problem
from jhub_gateway.clients.oidc import ProviderError, ProviderMetadata
from jhub_gateway.login.openid_login import OpenIDLogin
from jhub_gateway.policy.setting_paths import Path


def find_provider_problems(login: OpenIDLogin, path: Path) -> Iterator[Problem]:
    """Yield that the provider does not answer, or calls itself something else.

    ``path`` is where the values have the issuer.
    """
    try:
        asyncio.run(_ask(login))
    except ProviderError as problem:
        yield Problem(path, str(problem))


async def _ask(login: OpenIDLogin) -> ProviderMetadata:
    return await login.discovery.get()

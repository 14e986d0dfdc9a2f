"""Providers that OAuthenticator has a class for, each as a gateway's login."""

from collections.abc import Iterator, Mapping
from typing import Any

from oauthenticator.cilogon import CILogonLoginHandler, CILogonOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.globus import GlobusOAuthenticator
from oauthenticator.google import GoogleOAuthenticator
from traitlets import default

from jhub_gateway.authenticator import GatewayAuthenticator
from jhub_gateway.connectors.token_exchange import TOKEN_EXCHANGE
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.login.gateway_login import GatewayLogin
from jhub_gateway.login.handlers import GatewayLoginHandler
from jhub_gateway.login.openid_login import OpenIDLogin

_GLOBUS_GROUPS = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships"


class KeycloakGatewayAuthenticator(GatewayAuthenticator):
    """A gateway's login by a realm of Keycloak: set its ``issuer``.

    A client scope of the realm's has to put the groups into the claim ``groups`` (a mapper of the
    type Group Membership), with "Add to userinfo" on.

    Unlike GatewayAuthenticator, an exchange for a scope keeps the login's own scopes, and no token
    is revoked: at Keycloak either would harm the login.
    """

    async def request_token(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Ask as every hub does; an exchange for a scope keeps the login's own scopes too.

        Keycloak takes the scope of an exchange for that of the whole login from then on. Without
        ``openid`` the next refresh would bring no ID token, and userinfo would be forbidden: the
        hub would never hear of the user's groups again.
        """
        if parameters["grant_type"] == TOKEN_EXCHANGE and "scope" in parameters:
            scopes = dict.fromkeys([*self.scope, *parameters["scope"].split()])
            parameters = {**parameters, "scope": " ".join(scopes)}
        return await super().request_token(parameters)

    async def revoke_token(self, token: str) -> None:
        """Leave the token to end by itself: Keycloak would end the whole login with it.

        To revoke any of them ends all of the user's sessions at this client.
        """


class _CILogonLoginHandler(GatewayLoginHandler, CILogonLoginHandler):
    """Adds what CILogon wants to know of the identity providers."""


class CILogonGatewayAuthenticator(OpenIDLogin, CILogonOAuthenticator):
    """A gateway's login by CILogon: set ``idps`` as for CILogonOAuthenticator.

    CILogon gives refresh tokens to clients that were registered with them; without, credentials
    end with the first access token.
    """

    login_handler = _CILogonLoginHandler

    @default("issuer")
    def _issuer_default(self) -> str:
        return f"https://{self.cilogon_host}"

    def find_provider_problems(self) -> Iterator[ConfigurationError]:
        """Yield that there is no identity provider to choose, too."""
        yield from super().find_provider_problems()
        if not self.idps:
            yield ConfigurationError(
                f"{self.name_trait('idps')} is empty: name the identity providers whose users "
                "may log in",
                [type(self).__name__, "idps"],
            )


class GlobusGatewayAuthenticator(OpenIDLogin, GlobusOAuthenticator):
    """A gateway's login by Globus Auth. Groups are those of Globus Groups, by their UUIDs.

    Unlike GlobusOAuthenticator it puts no tokens into the environment of servers.
    """

    @default("issuer")
    def _issuer_default(self) -> str:
        return "https://auth.globus.org"

    @default("scope")
    def _scope_default(self) -> list[str]:
        return ["openid", "profile", "email", _GLOBUS_GROUPS]

    @default("extra_authorize_params")
    def _extra_authorize_params_default(self) -> dict[str, str]:
        return {"access_type": "offline"}  # or there is no refresh token

    def _read_groups(self, auth_state: dict[str, Any]) -> frozenset[str]:
        return frozenset(auth_state.get("globus_groups", ()))


class GoogleGatewayAuthenticator(OpenIDLogin, GoogleOAuthenticator):
    """A gateway's login by Google. Groups are those of ``google_groups``, if it is set up."""

    @default("issuer")
    def _issuer_default(self) -> str:
        return "https://accounts.google.com"

    @default("userdata_url")
    def _userdata_url_default(self) -> str:
        return "https://openidconnect.googleapis.com/v1/userinfo"  # the one that tells ``sub``

    @default("extra_authorize_params")
    def _extra_authorize_params_default(self) -> dict[str, str]:
        # Google gives a refresh token with the user's consent alone.
        return {"access_type": "offline", "prompt": "consent"}

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Return userinfo, with what GoogleOAuthenticator reads by its older name."""
        user_info = await super().token_to_user(token_info)
        return {"verified_email": user_info.get("email_verified") is True, **user_info}

    def _read_groups(self, auth_state: dict[str, Any]) -> frozenset[str]:
        return frozenset(auth_state[self.user_auth_state_key].get("google_groups", ()))


class GitHubGatewayAuthenticator(GatewayLogin, GitHubOAuthenticator):
    """A gateway's login by GitHub, which has OAuth and no OpenID Connect.

    Users are known by GitHub's number of their account, which stays when they rename it. The
    groups are teams, as ``organisation:team``, if ``populate_teams_in_auth_state`` is set. Tokens
    are refreshed if the GitHub App's expire.
    """

    subject_claim = "id"

    @property
    def identity_issuer(self) -> str:
        """GitHub's own address."""
        return self.github_url

    def _read_groups(self, auth_state: dict[str, Any]) -> frozenset[str]:
        teams = auth_state.get("teams") or ()
        return frozenset(f"{team['organization']['login']}:{team['slug']}" for team in teams)

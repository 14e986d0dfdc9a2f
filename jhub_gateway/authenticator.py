"""Login at the gateway by OpenID Connect."""

import os
from typing import Any

from oauthenticator.generic import GenericOAuthenticator
from traitlets import default

from jhub_gateway.login.openid_login import OpenIDLogin
from jhub_gateway.policy.claims import check_username, read_username


class GatewayAuthenticator(OpenIDLogin, GenericOAuthenticator):
    """Logs users in at the gateway's OpenID provider, known by its ``issuer`` alone.

    Nobody is let in unless ``allowed_users``, ``allowed_groups``, ``admin_users``,
    ``admin_groups``, ``allow_all`` or another of OAuthenticator's ``allow`` settings names them.

    After a login, ``auth_state`` holds what OAuthenticator puts there (the tokens, and userinfo
    in ``oauth_user``), and ``issuer``, ``subject`` and ``display_name``.

    A login holds as long as JupyterHub's own cookie does, and no request of a running server can
    force its user to log in. While a user has a server, their tokens are refreshed ahead of their
    expiry, and with them the user's groups; each start of a server asks for the groups too.
    """

    def check_at_start(self, app: Any) -> None:
        """Say where a provider has a class of its own. Raises ConfigurationError."""
        super().check_at_start(app)
        if "/realms/" in self.issuer and type(self) is GatewayAuthenticator:
            self.log.warning(
                "The issuer looks like Keycloak's: set c.JupyterHub.authenticator_class to "
                "'gateway-keycloak', or a token exchange can end or narrow logins"
            )

    @default("login_service")
    def _login_service_default(self) -> str:
        return os.environ.get("LOGIN_SERVICE", "your gateway account")

    @default("scope")
    def _scope_default(self) -> list[str]:
        return ["openid", "profile", "email"]

    @default("username_claim")
    def _username_claim_default(self) -> str:
        return os.environ.get("OAUTH2_USERNAME_KEY", "preferred_username")

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the name unchanged, as other rules than the provider's could join two users."""
        if callable(self.username_claim):
            return check_username(self.username_claim(user_info), "of GatewayAuthenticator")
        return read_username(user_info, self.username_claim)

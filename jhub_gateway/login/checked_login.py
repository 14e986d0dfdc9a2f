"""What must be right before anybody logs in: a hub whose settings are not does not start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.crypto import KEY_ENV, CryptKeeper
from oauthenticator.oauth2 import OAuthenticator
from traitlets import Set, Unicode

from jhub_gateway.errors import ConfigurationError, list_problems
from jhub_gateway.health import HEALTH_HANDLERS
from jhub_gateway.policy.placeholders import check_no_placeholders
from jhub_gateway.policy.secrets import (
    check_crypt_keys,
    check_not_placeholder,
    check_secret,
    name_crypt_key,
)
from jhub_gateway.policy.urls import check_login_url
from jhub_gateway.startup import prepare_hub
from jhub_gateway.trait_checks import find_unknown_traits


@contextmanager
def stopping_the_hub(app: JupyterHub) -> Iterator[None]:
    """End the hub with one line in its log, and no traceback, for a setting that cannot work."""
    try:
        yield
    except ConfigurationError as problem:
        app.log.critical("The hub cannot start: %s", problem)
        app.exit(1)


def find_crypt_keys(app: JupyterHub) -> list[str | bytes]:
    """Return the keys as they are set, where JupyterHub's CryptKeeper looks for them."""
    if "keys" in app.config.CryptKeeper:
        return list(app.config.CryptKeeper["keys"])
    return [key for key in os.environ.get(KEY_ENV, "").split(";") if key.strip()]


class CheckedLogin(OAuthenticator):
    """An authenticator that checks its settings, and the spawner's, when the hub starts."""

    insecure_http_hosts = Set(
        Unicode(),
        config=True,
        help="""
        Host names to which logins may go over plain http: of the issuer and its endpoints, and of
        this hub's own callback URL. Default: none; loopback needs no entry. Anybody on the way to
        a host named here can take over logins, so name only hosts of a closed test network.
        """,
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # JupyterHub reads the keys right after it has made its authenticator.
        if isinstance(self.parent, JupyterHub) and self.enable_auth_state:
            with stopping_the_hub(self.parent):
                check_crypt_keys(find_crypt_keys(self.parent))

    def get_handlers(self, app: JupyterHub) -> list[Any]:
        """Return the login pages and the health's, once the hub's settings are checked.

        A bad one stops the hub.
        """
        with stopping_the_hub(app):
            self.check_at_start(app)
            prepare_hub(app)
        return [*super().get_handlers(app), *HEALTH_HANDLERS]

    def check_allow_config(self) -> None:
        """JupyterHub only warns here of a hub that lets nobody in; check_at_start stops it."""

    def check_at_start(self, app: JupyterHub) -> None:
        """Check what must be right for any login to be safe. Raises ConfigurationError."""
        if is_on_mysql(app):
            app.log.warning(
                "MySQL and MariaDB don't tell upper from lower case and é from e: users whose "
                "names have capitals or letters beyond ASCII can't log in. See username_map"
            )
        check_no_placeholders(app.config)
        for problem in self.find_problems(app):
            raise problem
        check_secret("JupyterHub.cookie_secret", app.cookie_secret)
        if self.enable_auth_state:
            for place, key in enumerate(CryptKeeper.instance().keys, start=1):
                check_secret(name_crypt_key(place), key)

    def find_problems(self, app: JupyterHub) -> Iterator[ConfigurationError]:
        """Yield each setting with which no login would be safe, or none would work."""
        yield from find_unknown_traits(type(self), app.config)
        yield from self.find_provider_problems()
        yield from self._find_nobody_allowed()
        yield from self._find_group_problems()

    def name_trait(self, name: str) -> str:
        """Return how messages name a trait of this authenticator."""
        return f"{type(self).__name__}.{name}"

    def find_provider_problems(self) -> Iterator[ConfigurationError]:
        """Yield what is wrong with the client and with the provider's addresses."""
        for name in ("client_id", "client_secret"):
            value = getattr(self, name)
            yield from list_problems([name], check_not_placeholder, self.name_trait(name), value)
        for name in ("oauth_callback_url", "authorize_url", "token_url", "userdata_url"):
            yield from self.find_url_problems(name)

    def find_url_problems(self, name: str) -> list[ConfigurationError]:
        """Return what is wrong with the address in a trait, if one is set."""
        url, hosts = getattr(self, name), self.insecure_http_hosts
        return (
            list_problems([name], check_login_url, self.name_trait(name), url, hosts) if url else []
        )

    def _find_nobody_allowed(self) -> Iterator[ConfigurationError]:
        if not (self.any_allow_config or self.admin_users or self.admin_groups):
            yield ConfigurationError(
                f"nobody may log in. Set {self.name_trait('allowed_groups')} or allowed_users, or "
                "allow_all = True for everybody who has an account at the provider",
                [type(self).__name__, "allowed_groups"],
            )

    def _find_group_problems(self) -> Iterator[ConfigurationError]:
        if self.manage_groups and not callable(self.auth_state_groups_key):
            yield ConfigurationError(
                f"{self.name_trait('auth_state_groups_key')} (or claim_groups_key) is a text: set "
                f"{self.name_trait('groups_claim')} to the claim's name instead",
                ["auth_state_groups_key"],
            )


def is_on_mysql(app: JupyterHub | None) -> bool:
    """Whether the hub's database is MySQL or MariaDB."""
    return getattr(app, "db_url", "").startswith(("mysql", "mariadb"))

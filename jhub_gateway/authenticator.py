"""Login at the gateway by OpenID Connect."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.crypto import KEY_ENV, CryptKeeper
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError
from traitlets import Integer, Set, Unicode, default

from jhub_gateway.clients.oidc import (
    Discovery,
    ProviderError,
    ProviderMetadata,
    read_id_token,
    unavailable_when_down,
)
from jhub_gateway.errors import ConfigurationError, LoginRefused
from jhub_gateway.login_handlers import GatewayCallbackHandler, GatewayLoginHandler
from jhub_gateway.policy.claims import (
    check_same_account,
    check_same_subject,
    check_username,
    is_safe_username,
    is_told_apart_by_mysql,
    read_display_name,
    read_groups,
    read_subject,
    read_username,
)
from jhub_gateway.policy.secrets import (
    check_crypt_keys,
    check_not_placeholder,
    check_secret,
    name_crypt_key,
)
from jhub_gateway.policy.urls import check_issuer, check_login_url
from jhub_gateway.startup import prepare_hub
from jhub_gateway.trait_checks import check_known_traits

# A provider that is slow to say who is in which group does not hold up a start for longer.
GROUPS_SECONDS = 3

# Where each endpoint of the discovery document goes, unless the operator set it.
ENDPOINT_TRAITS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "userdata_url": "userinfo_endpoint",
}


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


class GatewayAuthenticator(GenericOAuthenticator):
    """Logs users in at the gateway's OpenID provider, known by its ``issuer`` alone.

    Nobody is let in unless ``allowed_users``, ``allowed_groups``, ``admin_users``,
    ``admin_groups``, ``allow_all`` or another of OAuthenticator's ``allow`` settings names them.

    After a login, ``auth_state`` holds what OAuthenticator puts there (the tokens, and userinfo
    in ``oauth_user``), and ``issuer``, ``subject`` and ``display_name``.

    A login holds as long as JupyterHub's own cookie does, and no request of a running server can
    force its user to log in. Each start of a server asks the provider for the user's groups, with
    the access token of the login; once that has ended, the groups of the login hold.
    ``auth_refresh_age`` above 0 switches OAuthenticator's own refresh on, which does force a login
    once the tokens end.
    """

    login_handler = GatewayLoginHandler
    callback_handler = GatewayCallbackHandler

    issuer = Unicode(
        config=True,
        help="""
        The URL of the OpenID provider, exactly as the provider writes it (a slash at the end
        counts), e.g. ``"https://login.gateway.org/realms/science"``.

        The provider's addresses are read from ``/.well-known/openid-configuration`` below it, at
        the first login. ``authorize_url``, ``token_url`` and ``userdata_url`` go before what is
        read there. Default: none; the hub does not start without one.
        """,
    )

    discovery_max_age = Integer(
        3600,
        min=0,
        config=True,
        help="""
        How long the provider's addresses are kept, in seconds, before the next login reads them
        again. Default: 3600. Lower notices a change at the provider sooner; 0 reads them at each
        login.
        """,
    )

    groups_claim = Unicode(
        "groups",
        config=True,
        help="""
        The claim in userinfo that lists the user's groups: a key, or a path of keys with dots
        between them such as ``"realm_access.roles"``. A key that holds dots itself, such as
        ``"https://gateway.org/groups"``, is found first.

        The groups become JupyterHub groups by exactly these names, at each login and, while the
        provider takes the login's access token, at each start of a server; with full paths
        (``/gateway/users``) write full paths in ``allowed_groups`` and in the profiles too. A
        user without this claim has no groups; a claim that is no list of texts refuses the login.
        Default: ``"groups"``. It is not read if ``manage_groups`` is false.
        """,
    )

    display_name_claim = Unicode(
        "name",
        config=True,
        help="""
        The claim in userinfo with the user's name for people to read; written like
        ``groups_claim``. It is kept as ``display_name`` in ``auth_state``. Default: ``"name"``;
        a user without it has only their user name.
        """,
    )

    insecure_http_hosts = Set(
        Unicode(),
        config=True,
        help="""
        Host names to which logins may go over plain http: of the issuer and its endpoints, and of
        this hub's own callback URL. Default: none; loopback needs no entry. Anybody on the way to
        a host named here can take over logins, so name only hosts of a closed test network.
        """,
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

    @default("auth_state_groups_key")
    def _auth_state_groups_key_default(self) -> Any:
        return self._read_groups

    @default("manage_groups")
    def _manage_groups_default(self) -> bool:
        return True

    @default("enable_auth_state")
    def _enable_auth_state_default(self) -> bool:
        return True

    @default("auth_refresh_age")
    def _auth_refresh_age_default(self) -> int:
        return 0

    @default("refresh_pre_spawn")
    def _refresh_pre_spawn_default(self) -> bool:
        return False

    @default("custom_403_message")
    def _custom_403_message_default(self) -> str:
        return (
            "Your login at the gateway worked, but your account may not use this hub. Ask the "
            "gateway's operators for access."
        )

    @property
    def gives_subject(self) -> bool:
        """Whether each user's ``auth_state`` has ``issuer`` and ``subject`` after a login."""
        return bool(self.enable_auth_state)

    # The provider's addresses

    @cached_property
    def discovery(self) -> Discovery:
        """The provider's metadata; ``(await discovery.get()).end_session_endpoint`` and so on."""
        return Discovery(
            self.httpfetch, self.issuer, self.discovery_max_age, self.insecure_http_hosts
        )

    @cached_property
    def _discovered_traits(self) -> list[str]:
        unset = [name for name in ENDPOINT_TRAITS if not getattr(self, name)]
        if self.userdata_from_id_token:
            unset.remove("userdata_url")
        return unset

    async def discover(self) -> ProviderMetadata:
        """Set the endpoints that the operator left out. Raises ProviderError."""
        names = self._discovered_traits
        metadata = await self.discovery.get()
        for name in names:
            setattr(self, name, getattr(metadata, ENDPOINT_TRAITS[name]))
        return metadata

    async def httpfetch(self, url: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the provider. Raises ProviderUnavailable if it is down, HTTPClientError for 4xx."""
        with unavailable_when_down(url):
            return await super().httpfetch(url, *args, **kwargs)

    def get_callback_url(self, handler: web.RequestHandler | None = None) -> str:
        """Return where the provider sends the browser back. Raises ConfigurationError for http."""
        url = super().get_callback_url(handler)
        check_login_url("the address of this hub's callback", url, self.insecure_http_hosts)
        return url

    # From the provider's answer to a user

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens. An answer without an access token is for the log, and no page."""
        # A hub that was restarted during a login knows no addresses yet.
        await self.discover()
        try:
            return await super().get_token_info(handler, params)
        except web.HTTPError as problem:
            # Only a 403 names the provider's reason; others quote the answer, tokens and all.
            reason = str(problem) if problem.status_code == 403 else "no reason is given"
            raise web.HTTPError(400, f"the provider gave no access token: {reason}") from None

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Return userinfo, once it is sure that it speaks of the user of the ID token."""
        await self.discover()
        id_token_claims = self._read_id_token(token_info)
        if self.userdata_from_id_token:
            return id_token_claims
        user_info = await super().token_to_user(token_info)
        read_subject(user_info)
        if id_token_claims:
            check_same_subject(user_info, id_token_claims)
        return user_info

    def _read_id_token(self, token_info: dict[str, Any]) -> dict[str, Any]:
        id_token = token_info.get("id_token")
        if id_token is None and not self.userdata_from_id_token:
            return {}
        return read_id_token(id_token, self.issuer, self.client_id)

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """Return the login's user. Raises LoginRefused for a name that another identity has here.

        The hub's account of that name has the other's running servers and API tokens.
        """
        model = await super().get_authenticated_user(handler, data)
        account = handler.find_user(model["name"]) if model else None
        if account is not None:
            check_same_account(model["name"], await account.get_auth_state(), model["auth_state"])
        return model

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the name unchanged, as other rules than the provider's could join two users."""
        if callable(self.username_claim):
            return check_username(self.username_claim(user_info), "of GatewayAuthenticator")
        return read_username(user_info, self.username_claim)

    def build_auth_state_dict(
        self, token_info: dict[str, Any], user_info: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what stays the user's when the provider changes their name."""
        return {
            **super().build_auth_state_dict(token_info, user_info),
            "issuer": self.issuer,
            "subject": read_subject(user_info),
            "display_name": read_display_name(user_info, self.display_name_claim),
        }

    def _read_groups(self, auth_state: dict[str, Any]) -> frozenset[str]:
        return read_groups(auth_state[self.user_auth_state_key], self.groups_claim)

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:  # noqa: ARG002
        """Give the start the user's groups of now; those of the login hold where nobody can say.

        The access token of the login is used as long as the provider takes it. It is not
        refreshed, and nothing here keeps a server from starting.
        """
        state = await user.get_auth_state()
        if not self.manage_groups or self.userdata_from_id_token or not state:
            return
        try:
            async with asyncio.timeout(GROUPS_SECONDS):
                groups = await self._ask_for_groups(state)
        except (ProviderError, HTTPClientError, LoginRefused, TimeoutError, KeyError) as problem:
            self.log.info("%s starts with the groups of the last login: %s", user.name, problem)
        else:
            user.sync_groups(groups)

    async def _ask_for_groups(self, state: dict[str, Any]) -> frozenset[str]:
        # Its ID token may have ended, and says nothing new.
        token_info = {**state["token_response"], "id_token": None}
        user_info = await self.token_to_user(token_info)
        check_same_subject(user_info, {"sub": state["subject"]})
        return frozenset(await self.get_user_groups({**state, self.user_auth_state_key: user_info}))

    def normalize_username(self, username: str) -> str:
        """Return the name as it is, or what ``username_map`` makes of it.

        JupyterHub's own rule is lower case, by which two users of the provider, Ada and ada,
        would share one account.
        """
        return self.username_map.get(username, username)

    def validate_username(self, username: str) -> bool:
        """Whether the hub can hold the name, apart from all others.

        Names with capitals are refused with a domain per user (``subdomain_host``), and in MySQL
        or MariaDB together with names beyond ASCII: Ada and ada, or Rene and René, would share a
        domain or an account there. ``username_map`` gives such users other names.
        """
        if getattr(self.parent, "subdomain_host", "") and username != username.lower():
            return False
        if _is_on_mysql(self.parent) and not is_told_apart_by_mysql(username):
            return False
        return is_safe_username(username) and super().validate_username(username)

    # At the hub's start

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # JupyterHub reads the keys right after it has made its authenticator.
        if isinstance(self.parent, JupyterHub) and self.enable_auth_state:
            with stopping_the_hub(self.parent):
                check_crypt_keys(find_crypt_keys(self.parent))

    def get_handlers(self, app: JupyterHub) -> list[Any]:
        """Return the login pages, once the hub's settings are checked; a bad one stops it."""
        with stopping_the_hub(app):
            self.check_at_start(app)
            prepare_hub(app)
        self._early_discovery = asyncio.ensure_future(self._discover_early())
        return super().get_handlers(app)

    async def _discover_early(self) -> None:
        # A provider that is down does not keep the hub from starting; the log says it now.
        try:
            await self.discover()
        except ProviderError as problem:
            self.log.error("Nobody can log in until this is solved: %s", problem)

    def check_allow_config(self) -> None:
        """JupyterHub only warns here of a hub that lets nobody in; check_at_start stops it."""

    def check_at_start(self, app: JupyterHub) -> None:
        """Check what must be right for any login to be safe. Raises ConfigurationError."""
        if _is_on_mysql(app):
            app.log.warning(
                "MySQL and MariaDB don't tell upper from lower case and é from e: users whose "
                "names have capitals or letters beyond ASCII can't log in. See username_map"
            )
        check_known_traits(type(self), app.config)
        self._check_provider_settings()
        self._check_somebody_may_log_in()
        self._check_group_settings()
        check_secret("JupyterHub.cookie_secret", app.cookie_secret)
        if self.enable_auth_state:
            for place, key in enumerate(CryptKeeper.instance().keys, start=1):
                check_secret(name_crypt_key(place), key)

    def _check_provider_settings(self) -> None:
        hosts = self.insecure_http_hosts
        check_issuer("GatewayAuthenticator.issuer", self.issuer, hosts)
        check_not_placeholder("GatewayAuthenticator.client_id", self.client_id)
        check_not_placeholder("GatewayAuthenticator.client_secret", self.client_secret)
        for name in ("oauth_callback_url", *ENDPOINT_TRAITS):
            if getattr(self, name):
                check_login_url(f"GatewayAuthenticator.{name}", getattr(self, name), hosts)
        if "openid" not in self.scope:
            raise ConfigurationError("GatewayAuthenticator.scope must hold 'openid'")

    def _check_somebody_may_log_in(self) -> None:
        if not (self.any_allow_config or self.admin_users or self.admin_groups):
            raise ConfigurationError(
                "nobody may log in. Set GatewayAuthenticator.allowed_groups or allowed_users, or "
                "allow_all = True for everybody who has an account at the provider"
            )

    def _check_group_settings(self) -> None:
        if self.manage_groups and not callable(self.auth_state_groups_key):
            raise ConfigurationError(
                "GatewayAuthenticator.auth_state_groups_key (or claim_groups_key) is a text: set "
                "GatewayAuthenticator.groups_claim to the claim's name instead"
            )


def _is_on_mysql(app: JupyterHub | None) -> bool:
    return getattr(app, "db_url", "").startswith(("mysql", "mariadb"))

"""What providers have in common that speak OpenID Connect."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from traitlets import Bool, Integer, Unicode

from jhub_gateway.clients.id_tokens import (
    LOGOUT_AGE_SECONDS,
    LogoutNotice,
    SeenTokens,
    may_pass,
    verify_id_token,
    verify_logout_token,
)
from jhub_gateway.clients.oidc import Discovery, ProviderError, ProviderMetadata
from jhub_gateway.clients.signing_keys import SigningKeys
from jhub_gateway.errors import ConfigurationError, LoginEnded, LoginRefused, list_problems
from jhub_gateway.login.accounts import Accounts, read_session
from jhub_gateway.login.back_channel import BackChannelLogoutHandler
from jhub_gateway.login.gateway_login import GatewayLogin
from jhub_gateway.login.nonces import find_nonce
from jhub_gateway.policy.claims import check_same_subject, read_subject
from jhub_gateway.policy.logout_urls import make_hub_url, make_logout_url
from jhub_gateway.policy.urls import check_issuer

# Where each endpoint of the discovery document goes, unless the operator set it.
ENDPOINT_TRAITS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "userdata_url": "userinfo_endpoint",
}


class OpenIDLogin(GatewayLogin):
    """A gateway's login by OpenID Connect: addresses by discovery, ID tokens verified, logout.

    Mix it in before the provider's own class of OAuthenticator's.
    """

    issuer = Unicode(
        config=True,
        help="""
        The URL of the OpenID provider, exactly as the provider writes it (a slash at the end
        counts), e.g. ``"https://login.gateway.org/realms/science"``.

        The provider's addresses are read from ``/.well-known/openid-configuration`` below it, at
        the first login. ``authorize_url``, ``token_url`` and ``userdata_url`` go before what is
        read there. Default: none, unless the class is of one provider; the hub does not start
        without one.
        """,
    )

    discovery_max_age = Integer(
        3600,
        min=0,
        config=True,
        help="""
        How long the provider's addresses and signing keys are kept, in seconds, before they are
        read again. Default: 3600. Lower notices a change at the provider sooner; 0 reads the
        addresses at each login. A key that is not known yet is looked for at once.
        """,
    )

    clock_skew = Integer(
        120,
        min=0,
        max=300,
        config=True,
        help="""
        How far the clocks of the provider and of the hub may be apart, in seconds, when the times
        in a signed token are checked. Default: 120, at most 300: a token counts for that much
        longer. With less, logins fail sooner when a clock is wrong.
        """,
    )

    end_provider_session = Bool(
        True,
        config=True,
        help="""
        End the user's session at the provider when they log out of the hub, where the provider
        has an address for that (``end_session_endpoint``). Register
        ``post_logout_redirect_url`` there.

        Default: true. With false, who sits down at the same browser next is logged in again by
        one click. ``logout_redirect_url`` goes before this.
        """,
    )

    post_logout_redirect_url = Unicode(
        config=True,
        help="""
        Where the provider sends the browser after a logout. Default: this hub's own login page
        (``/hub/login``), or with ``auto_login`` its logout page (``/hub/logout``), as the first
        would log in again.
        """,
    )

    @property
    def identity_issuer(self) -> str:
        """The provider itself."""
        return self.issuer

    # The provider's addresses and keys

    @cached_property
    def discovery(self) -> Discovery:
        """The provider's metadata; ``(await discovery.get()).end_session_endpoint`` and so on."""
        return Discovery(
            self.httpfetch, self.issuer, self.discovery_max_age, self.insecure_http_hosts
        )

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """What the provider signs with."""
        return SigningKeys(self.httpfetch, self._find_jwks_uri, self.discovery_max_age)

    @cached_property
    def notice_keys(self) -> SigningKeys:
        """The same for logout notices, which anybody can send.

        Forged ones make the hub ask for their keys, and then it asks no more for a while: no login
        may have to wait for that.
        """
        return SigningKeys(self.httpfetch, self._find_jwks_uri, self.discovery_max_age)

    async def _find_jwks_uri(self) -> str:
        return (await self.discovery.get()).jwks_uri

    @cached_property
    def _discovered_traits(self) -> list[str]:
        unset = [name for name in ENDPOINT_TRAITS if not getattr(self, name)]
        if self.userdata_from_id_token:
            return [name for name in unset if name != "userdata_url"]
        return unset

    async def discover(self) -> ProviderMetadata:  # type: ignore[override]
        """Set the endpoints that the operator left out. Raises ProviderError."""
        names = self._discovered_traits
        metadata = await self.discovery.get()
        for name in names:
            setattr(self, name, getattr(metadata, ENDPOINT_TRAITS[name]))
        return metadata

    async def revoke_token(self, token: str) -> None:
        """Have the provider take a token back (RFC 7009), where it has an address for that."""
        endpoint = (await self.discover()).revocation_endpoint
        if endpoint:
            await self.post_as_client(endpoint, {"token": token})

    # A login

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens, with the nonce that the ID token must have."""
        token_info = await super().get_token_info(handler, params)
        return {**token_info, "nonce": find_nonce(handler)}

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Return userinfo, once it is sure that it speaks of the user of the ID token."""
        await self.discover()
        id_token_claims = await self._read_id_token(token_info)
        if self.userdata_from_id_token:
            return id_token_claims
        user_info = await super().token_to_user(token_info)
        needs_subject = id_token_claims and self.subject_claim == "sub"
        if needs_subject and isinstance(user_info, Mapping) and "sub" not in user_info:
            user_info = {**user_info, "sub": id_token_claims["sub"]}
        read_subject(user_info, self.subject_claim)
        if id_token_claims:
            check_same_subject(user_info, id_token_claims)
        return user_info

    async def _read_id_token(self, token_info: Mapping[str, Any]) -> dict[str, Any]:
        id_token = token_info.get("id_token")
        if id_token is None and not self.userdata_from_id_token:
            return {}
        return await verify_id_token(
            id_token,
            self.signing_keys,
            issuer=self.issuer,
            client_id=self.client_id,
            nonce=token_info.get("nonce"),
            access_token=token_info.get("access_token"),
            clock_skew=self.clock_skew,
        )

    async def check_refreshed(self, state: Mapping[str, Any], answer: dict[str, Any]) -> None:
        """Raise LoginEnded for an ID token that is wrong, or another user's.

        One that can't be verified now is left out: the other new tokens are the only good ones.
        """
        if not answer.get("id_token"):
            return
        try:
            claims = await self._read_id_token(answer)
            check_same_subject({"sub": state["subject"]}, claims)
        except (LoginRefused, ProviderError) as problem:
            cause = problem.__cause__ or problem
            if isinstance(problem, LoginRefused) and not may_pass(problem):
                raise LoginEnded(f"a refreshed ID token is wrong: {cause}") from problem
            self.log.warning("A refreshed ID token is left out, as it can't be verified: %s", cause)
            del answer["id_token"]

    def build_auth_state_dict(
        self, token_info: dict[str, Any], user_info: dict[str, Any]
    ) -> dict[str, Any]:
        """Add the provider's session, by which it may tell of its end."""
        session = read_session(token_info.get("id_token"))
        return {**super().build_auth_state_dict(token_info, user_info), "session": session}

    # Logging out

    def get_handlers(self, app: Any) -> list[Any]:
        """Add the address at which the provider tells of a logout."""
        handlers = super().get_handlers(app)
        return [*handlers, (r"/back_channel_logout", BackChannelLogoutHandler)]

    async def make_logout_url(self, handler: Any, id_token: str | None) -> str | None:
        """Return where the provider ends the user's session, or None if it can't.

        Raises ProviderError.
        """
        if not self.end_provider_session:
            return None
        endpoint = (await self.discover()).end_session_endpoint
        if endpoint is None:
            return None
        page = "logout" if self.auto_login else "login"
        back = self.post_logout_redirect_url or make_hub_url(self.get_callback_url(handler), page)
        return make_logout_url(endpoint, self.client_id, id_token, back)

    @cached_property
    def seen_logouts(self) -> SeenTokens:
        """The logout tokens that were used, as long as they could be used again."""
        return SeenTokens(LOGOUT_AGE_SECONDS + 2 * self.clock_skew)

    @cached_property
    def accounts(self) -> Accounts:
        """Whose the hub's accounts are."""
        return Accounts()

    async def read_logout_token(self, token: str) -> LogoutNotice:
        """Return whose session the provider has ended. Raises LoginRefused or ProviderError."""
        return await verify_logout_token(
            token,
            self.notice_keys,
            issuer=self.issuer,
            client_id=self.client_id,
            clock_skew=self.clock_skew,
        )

    # At the hub's start

    def find_provider_problems(self) -> Iterator[ConfigurationError]:
        """Yield what is wrong with the issuer too."""
        name, hosts = self.name_trait("issuer"), self.insecure_http_hosts
        yield from list_problems(["issuer"], check_issuer, name, self.issuer, hosts)
        yield from super().find_provider_problems()
        yield from self.find_url_problems("post_logout_redirect_url")
        if "openid" not in self.scope:
            yield ConfigurationError(f"{self.name_trait('scope')} must hold 'openid'", ["scope"])

"""What every authenticator of a gateway has in common, whatever OAuth provider it extends."""

import asyncio
import json
import time
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from jupyterhub.app import JupyterHub
from jupyterhub.utils import maybe_future
from tornado import web
from tornado.httpclient import HTTPClientError, HTTPRequest
from traitlets import Bool, Unicode, default

from jhub_gateway.clients.oidc import (
    CONNECT_SECONDS,
    REQUEST_SECONDS,
    ProviderError,
    unavailable_when_down,
)
from jhub_gateway.clients.token_errors import is_temporary, read_error_code, read_token_error
from jhub_gateway.credentials.auth_states import read_state
from jhub_gateway.credentials.keeper import CredentialKeeper
from jhub_gateway.errors import CredentialRefused, LoginEnded, StartRefused
from jhub_gateway.login.checked_login import CheckedLogin, is_on_mysql
from jhub_gateway.login.handlers import (
    GatewayCallbackHandler,
    GatewayLoginHandler,
    GatewayLogoutHandler,
)
from jhub_gateway.login.own_logouts import OwnLogouts
from jhub_gateway.login.pages import add_pages
from jhub_gateway.login.sessions import end_sessions, sync_account
from jhub_gateway.login.unreadable_claims import refusing_unreadable_claims
from jhub_gateway.policy.claims import (
    check_groups,
    check_same_account,
    check_same_name,
    check_same_subject,
    check_username,
    is_safe_username,
    is_told_apart_by_mysql,
    read_display_name,
    read_groups,
    read_subject,
)
from jhub_gateway.policy.login_states import end_login, take_tokens
from jhub_gateway.policy.urls import check_login_url
from jhub_gateway.refusals import LOGIN_ENDED, make_logged_refusal, make_refusal

# A provider that is slow to say who is in which group does not hold up a start for longer.
GROUPS_SECONDS = 3


class GatewayLogin(CheckedLogin):
    """Makes an authenticator of OAuthenticator's a gateway's.

    Mix it in before the provider's own class. It names users as the provider does and refuses
    what could join two of them, keeps what is stable about them (``issuer`` and ``subject`` in
    ``auth_state``), and refreshes their tokens while their servers run. No request of a running
    server forces its user to log in.
    """

    login_handler = GatewayLoginHandler
    callback_handler = GatewayCallbackHandler
    logout_handler = GatewayLogoutHandler

    # The claim of userinfo by which the provider never means another user.
    subject_claim: ClassVar[str] = "sub"

    groups_claim = Unicode(
        "groups",
        config=True,
        help="""
        The claim in userinfo that lists the user's groups: a key, or a path of keys with dots
        between them such as ``"realm_access.roles"``. A key that holds dots itself, such as
        ``"https://gateway.org/groups"``, is found first.

        The groups become JupyterHub groups by exactly these names, at each login, whenever the
        tokens are refreshed, and at each start of a server while the provider takes the access
        token; with full paths (``/gateway/users``) write full paths in ``allowed_groups`` and in
        the profiles too. A user without this claim has no groups; a claim that is no list of
        texts refuses the login. Default: ``"groups"``. It is not read if ``manage_groups`` is
        false.
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

    stop_removed_users = Bool(
        False,
        config=True,
        help="""
        Stop the servers of a user whom the provider logged out by a back-channel logout, or who
        may not use this hub any more when their tokens are refreshed (with
        ``end_sessions_with_login``, also of one whose login has ended there). A provider tells of
        a logout at this hub too: that stops no server. One that is just starting is stopped when it
        is up.

        Default: false; their sessions at the hub end either way, so that nobody gets to the
        servers, which run on until they are culled. What was not saved is lost with true.
        """,
    )

    end_sessions_with_login = Bool(
        False,
        config=True,
        help="""
        End a user's sessions at the hub when the provider takes their login no more: it answers
        ``invalid_grant`` to a refresh. So a user who is disabled or deleted there is out of the
        hub after one lifetime of an access token, as not every provider tells of that.

        Default: false, as a session at the provider that has timed out looks the same: the hub's
        home page and the notebook say to log in again, and the rest goes on. Servers are stopped
        too with ``stop_removed_users``. With true, the user's own API tokens start no server until
        they have logged in again; administrators can start one for them.
        """,
    )

    @default("manage_groups")
    def _manage_groups_default(self) -> bool:
        return True

    @default("auth_state_groups_key")
    def _auth_state_groups_key_default(self) -> Any:
        return self._read_groups

    @default("enable_auth_state")
    def _enable_auth_state_default(self) -> bool:
        return True

    @default("auth_refresh_age")
    def _auth_refresh_age_default(self) -> int:
        # Tokens are refreshed ahead of their expiry, and not because somebody asks for a page.
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

    @property
    def identity_issuer(self) -> str:
        """Which provider a subject belongs to."""
        raise NotImplementedError

    @cached_property
    def keeper(self) -> CredentialKeeper:
        """Keeps the credentials of running servers fresh."""
        return CredentialKeeper(self, self.log)

    @cached_property
    def own_logouts(self) -> OwnLogouts:
        """Who has just logged out at this hub."""
        return OwnLogouts()

    def get_login_path(self) -> str:
        """Return the path at this hub where a new login begins, which comes back to its page."""
        hub = getattr(self.parent, "hub_prefix", "/hub/")
        home = urlencode({"next": f"{hub}home"})
        return f"{self.login_url(hub)}?{home}"

    # What the hub asks the provider

    async def discover(self) -> None:
        """Learn the provider's addresses, where they are not known beforehand."""

    async def httpfetch(self, url: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the provider. Raises ProviderUnavailable if it is down, HTTPClientError for 4xx.

        A redirect is not followed with what is secret: it could lead to another, or to http.
        """
        if kwargs.get("method") == "POST" or _cut(url) == self.userdata_url:
            kwargs.setdefault("follow_redirects", False)
        with unavailable_when_down(_cut(url)):
            return await super().httpfetch(url, *args, **kwargs)

    async def fetch(
        self,
        req: HTTPRequest,
        label: str = "fetching",
        parse_json: bool = True,
        raise_error: bool = True,
        **options: Any,
    ) -> Any:
        """Return the answer. Of one that is a failure the log has the OAuth error alone.

        OAuthenticator would log all of it, in which some providers repeat tokens.
        """
        answer = await super().fetch(req, label, parse_json=False, raise_error=False, **options)
        # Some classes take each answer but one for a "no", also that of a system that is down.
        if answer.error and (raise_error or is_temporary(answer)):
            code = read_error_code(answer) or ""
            self.log.error("Error %s: %s answered %s %s", label, _cut(req.url), answer.code, code)
            raise answer.error
        if not parse_json:
            return answer
        return json.loads(answer.body.decode(errors="replace")) if answer.body else None

    async def request_token(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the token endpoint's answer to this hub's client, with ``requested_at`` in it.

        Raises CredentialUnavailable, LoginEnded (``invalid_grant``) or CredentialRefused.
        """
        await self.discover()
        requested_at = time.time()
        try:
            answer = await self.post_as_client(self.token_url, parameters)
        except HTTPClientError as problem:
            raise read_token_error(problem.code, problem.response) from None
        if not _has_access_token(answer):
            raise read_token_error(200, answer)
        return {**answer, "requested_at": requested_at}

    async def post_as_client(self, url: str, parameters: Mapping[str, str]) -> Any:
        """Return the decoded answer of an endpoint to which this hub shows its client's secret.

        Raises ProviderUnavailable, or tornado's HTTPClientError for 3xx and 4xx.
        """
        client = {"client_id": self.client_id, "client_secret": self.client_secret}
        body = urlencode({**({} if self.basic_auth else client), **parameters})
        return await self.httpfetch(
            url,
            label="asking for a token",
            method="POST",
            headers=self.build_token_info_request_headers(),
            body=body.encode(),
            validate_cert=self.validate_server_cert,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
        )

    async def revoke_token(self, token: str) -> None:
        """Have the provider take a token back, where it has an address for that."""

    async def make_logout_url(self, handler: Any, id_token: str | None) -> str | None:  # noqa: ARG002
        """Return where the provider ends the user's session, or None if it can't."""
        return None

    # A login

    def get_callback_url(self, handler: web.RequestHandler | None = None) -> str:
        """Return where the provider sends the browser back. Raises ConfigurationError for http."""
        url = super().get_callback_url(handler)
        check_login_url("the address of this hub's callback", url, self.insecure_http_hosts)
        return url

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens. An answer without an access token is for the log, and no page."""
        # A hub that was restarted during a login knows no addresses yet.
        await self.discover()
        requested_at = time.time()
        try:
            token_info = await super().get_token_info(handler, params)
        except web.HTTPError as problem:
            # Only a 403 names the provider's reason; others quote the answer, tokens and all.
            reason = str(problem) if problem.status_code == 403 else "no reason is given"
            raise web.HTTPError(400, f"the provider gave no access token: {reason}") from None
        if not _has_access_token(token_info):
            raise web.HTTPError(400, "the provider gave no access token that is a text")
        return {**token_info, "requested_at": requested_at}

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """Return the login's user. Raises LoginRefused for a name that another identity has here.

        The hub's account of that name has the other's running servers and API tokens. An account
        that a class of OAuthenticator's can't read is refused too.
        """
        with refusing_unreadable_claims():
            model = await super().get_authenticated_user(handler, data)
        account = handler.find_user(model["name"]) if model else None
        if account is not None:
            known = await account.get_auth_state()
            check_same_account(model["name"], known, model["auth_state"])
            if known and model["auth_state"] and "kept" in known:
                # What connectors need to renew or revoke what they issued under the last login.
                model["auth_state"]["kept"] = known["kept"]
        return model

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the provider's name for the user, if the hub can hold it."""
        try:
            name = super().user_info_to_username(user_info)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            name = None
        return check_username(name, f"of {type(self).__name__}")

    def build_auth_state_dict(
        self, token_info: dict[str, Any], user_info: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what stays the user's when the provider changes their name."""
        return take_tokens(
            {
                **super().build_auth_state_dict(token_info, user_info),
                "issuer": self.identity_issuer,
                "subject": read_subject(user_info, self.subject_claim),
                "display_name": read_display_name(user_info, self.display_name_claim),
            },
            token_info,
        )

    def _read_groups(self, auth_state: dict[str, Any]) -> frozenset[str]:
        return read_groups(auth_state[self.user_auth_state_key], self.groups_claim)

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Return the user's groups. Raises LoginRefused for what the hub cannot hold."""
        groups = await super().get_user_groups(auth_state)
        return set(check_groups(groups, f"of {type(self).__name__}"))

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
        if is_on_mysql(self.parent) and not is_told_apart_by_mysql(username):
            return False
        return is_safe_username(username) and super().validate_username(username)

    # While servers run

    async def refresh_login(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``auth_state`` with new tokens, or with its login ended.

        Raises CredentialUnavailable where the provider can't be asked: the old tokens hold.
        """
        refresh_token = state.get("refresh_token")
        if not refresh_token:
            return end_login(state, "the provider gave no refresh token")
        try:
            parameters = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            answer = await self.request_token(parameters)
            await self.check_refreshed(state, answer)
        except LoginEnded as problem:
            return end_login(state, str(problem))
        except CredentialRefused as problem:
            # Such as invalid_client: a mistake of the operator's ends nobody's login.
            cause = problem.__cause__ or problem
            raise ProviderError(f"the provider refused to refresh a token: {cause}") from None
        return take_tokens(state, answer)

    async def check_refreshed(self, state: Mapping[str, Any], answer: dict[str, Any]) -> None:
        """Raise LoginEnded where a refreshed token is not the same user's."""

    async def update_account(self, user: Any, state: Mapping[str, Any]) -> bool:
        """Give the hub's account the groups and rights of today; say whether it may stay.

        The sessions of one that may not are ended. Raises ProviderError, HTTPClientError or
        LoginRefused where the provider doesn't say.
        """
        try:
            with refusing_unreadable_claims():
                model = await self._ask_for_model(state)
                check_same_name(self.normalize_username(model["name"]), user.name)
                sync_account(user, model)
                if await self._may_stay(user.name, model):
                    return True
        except web.HTTPError as refusal:
            self.log.info("%s is refused: %s", user.name, refusal)  # as some classes do
        self.log.warning("%s may not use this hub any more", user.name)
        await end_sessions(user, self.stop_removed_users)
        return False

    async def end_account(self, user: Any) -> None:
        """Do what the operator wants for a user whose login has ended at the provider."""
        if self.end_sessions_with_login:
            await self.end_user(user)

    async def end_user(self, user: Any) -> None:
        """End the user's sessions, and their servers as the operator wants it.

        Whoever has just logged out here means their sessions, and not to be removed. A session is
        ended even so: a stolen one could ask for logouts without end, to outlive the provider's
        notice.
        """
        is_own = self.own_logouts.has(user.name)
        await end_sessions(user, self.stop_removed_users and not is_own)

    async def _may_stay(self, name: str, model: dict[str, Any]) -> bool:
        if not await maybe_future(self.check_blocked_users(name, model)):
            return False
        # As JupyterHub does at a login.
        if self.allow_all or model["admin"]:
            return True
        return bool(await maybe_future(self.check_allowed(name, model)))

    async def _ask_for_model(self, state: Mapping[str, Any]) -> dict[str, Any]:
        # The ID token says nothing new, unless it is all there is; a refreshed one has no nonce.
        id_token = state.get("id_token") if self.userdata_from_id_token else None
        token_info = {**state["token_response"], "id_token": id_token, "nonce": None}
        model = await self._token_to_auth_model(token_info)
        subject = {"sub": model["auth_state"]["subject"]}
        check_same_subject(subject, {"sub": state["subject"]})
        return model

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool:  # noqa: ARG002
        """Never force a login: tokens are refreshed beside requests, and a server outlives them."""
        return True

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Give the start the user's groups of now, and refuse whom the operator wants out.

        Raises tornado's HTTPError 403 for a user who may not use this hub any more; with
        ``end_sessions_with_login`` also where the user's login has ended, and they ask themselves:
        their API tokens outlive their sessions.
        """
        await self._renew_groups(user, spawner)
        if self.end_sessions_with_login and _is_asked_by(user, spawner):
            state, _ = await read_state(user)
            if state and state.get("ended"):
                cause = f"the login has ended: {state['ended']}"
                refusal = StartRefused(LOGIN_ENDED, cause, "login")
                raise make_logged_refusal(spawner, refusal)

    async def _renew_groups(self, user: Any, spawner: Any) -> None:
        """Give the account its groups of now; those of the login hold where nobody can say."""
        state = await self.keeper.freshen(user, spawner)
        if not self.manage_groups or not state or not state.get("access_token"):
            return
        try:
            async with asyncio.timeout(GROUPS_SECONDS):
                may_stay = await self.update_account(user, state)
        except Exception as problem:
            self.log.info("%s starts with the groups of the last login: %r", user.name, problem)
            if isinstance(problem, HTTPClientError) and problem.code == HTTPStatus.UNAUTHORIZED:
                # It may have been taken back: a refresh tells.
                await self.keeper.doubt(user)
        else:
            if not may_stay:
                raise make_refusal(spawner, self.custom_403_message, "login")

    async def post_spawn_stop(self, user: Any, spawner: Any) -> None:
        """Take the credentials away once the user's last server has stopped."""
        await self.keeper.settle(user, spawner)

    # At the hub's start

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if isinstance(self.parent, JupyterHub):
            add_pages(self.parent, self.keeper.get_health)

    def get_handlers(self, app: JupyterHub) -> list[Any]:
        """Return the login pages, and begin to learn where the provider's are."""
        handlers = super().get_handlers(app)
        self._early_discovery = asyncio.ensure_future(self._discover_early())
        return handlers

    async def _discover_early(self) -> None:
        # A provider that is down does not keep the hub from starting; the log says it now.
        try:
            await self.discover()
        except ProviderError as problem:
            self.log.error("Nobody can log in until this is solved: %s", problem)


def _is_asked_by(user: Any, spawner: Any) -> bool:
    """Whether the start is asked for by the user: on a page, or by a token of theirs."""
    return spawner.handler is not None and bool(spawner.handler.current_user == user)


def _has_access_token(answer: object) -> bool:
    token = answer.get("access_token") if isinstance(answer, dict) else None
    return isinstance(token, str) and bool(token)


def _cut(url: str) -> str:
    """Return the address without its query, which may hold what is secret."""
    return url.split("?", 1)[0]

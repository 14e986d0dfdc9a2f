"""The pages between this hub and the provider, and what they say when a login fails."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyterhub.handlers import BaseHandler
from oauthenticator.oauth2 import (
    OAuthCallbackHandler,
    OAuthLoginHandler,
    OAuthLogoutHandler,
)
from tornado import web
from tornado.httpclient import HTTPClientError

from jhub_gateway.clients.oidc import ProviderError
from jhub_gateway.error_pages import make_error_page
from jhub_gateway.errors import ConfigurationError, LoginRefused
from jhub_gateway.login.nonces import make_nonce

SERVICE_DOWN = (
    "The gateway's login service cannot be used right now. Try again in a few minutes; servers "
    "that are running go on."
)
LOGIN_UNFINISHED = "Your login was not completed. Start again from this hub's first page."
LOGIN_MISCONFIGURED = "This hub's login is not set up correctly. Tell the gateway's operators."
_STATE_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


class GatewayLoginHandler(OAuthLoginHandler):
    """Sends the browser to the provider, once its addresses are known."""

    _nonce = ""

    async def get(self) -> None:
        with shown_to_the_user(self):
            await self.authenticator.discover()
            super().get()

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """Make the login's nonce of what its browser alone knows."""
        super().set_state_cookie(state_cookie_value)
        self._nonce = make_nonce(state_cookie_value)

    def authorize_redirect(self, *args: Any, **kwargs: Any) -> None:
        """Send the nonce along, for the ID token to hold."""
        extra = {**kwargs.pop("extra_params", {}), "nonce": self._nonce}
        super().authorize_redirect(*args, extra_params=extra, **kwargs)


class GatewayCallbackHandler(OAuthCallbackHandler):
    """Takes the browser back from the provider."""

    async def get(self) -> None:
        with shown_to_the_user(self):
            await super().get()

    async def login_user(self, data: Any = None) -> Any:
        """Give the new tokens to the user's servers too, if any run."""
        user = await super().login_user(data)
        if user is not None:
            self.authenticator.own_logouts.forget(user.name)
            await self.authenticator.keeper.take_up(user)
        return user

    def check_state(self) -> None:
        """Refuse a state that this hub did not write before OAuthenticator logs what it holds."""
        if not is_state(self.get_state_url()):
            raise web.HTTPError(400, "OAuth state in the URL is none of this hub's")
        super().check_state()


class GatewayLogoutHandler(OAuthLogoutHandler):
    """Logs out of the hub, and then of the provider."""

    async def get(self) -> None:
        user = self.current_user
        # Read now: the user is gone from the request once the hub's part is done.
        self._name = user.name if user else ""
        self._state = await user.get_auth_state() if user else None
        await super().get()

    async def render_logout_page(self) -> None:
        """Send the browser to the provider to log out there too; if it is down, say so in the log.

        Someone who wasn't logged in is not sent: the provider's own way back leads here.
        """
        # A link on another site logs out here, as JupyterHub has it, and not of the whole gateway.
        is_asked = self.request.headers.get("Sec-Fetch-Site") != "cross-site"
        if self._state and is_asked and not self.authenticator.logout_redirect_url:
            try:
                url = await self.authenticator.make_logout_url(self, self._state.get("id_token"))
            except (ProviderError, ConfigurationError) as problem:
                self.log.error("The session at the provider goes on: %s", problem)
                url = None
            if url:
                self.authenticator.own_logouts.add(self._name)
                self.redirect(url)
                return
        await super().render_logout_page()


@contextmanager
def shown_to_the_user(handler: BaseHandler) -> Iterator[None]:
    """Turn a login's errors into a page with one sentence, and the cause into the log."""
    try:
        yield
    except LoginRefused as refusal:
        handler.log.warning("Login refused: %s (cause: %s)", refusal, refusal.__cause__)
        raise make_error_page(403, str(refusal)) from None
    except ProviderError as problem:
        handler.log.error("Login is not possible: %s", problem)
        raise make_error_page(503, SERVICE_DOWN) from None
    except ConfigurationError as problem:
        handler.log.error("Login is not possible: %s", problem)
        raise make_error_page(500, LOGIN_MISCONFIGURED) from None
    except HTTPClientError as answer:
        handler.log.error("The provider refused the hub's request: %s", answer)
        raise make_error_page(400, LOGIN_UNFINISHED) from None
    except web.HTTPError as problem:
        if problem.status_code != 400:
            raise
        # Anybody can write its text, in a link to this hub: one line of the log, and no page.
        handler.log.warning("Login not completed: %.300r", str(problem))
        raise make_error_page(400, LOGIN_UNFINISHED) from None


def is_state(state: str) -> bool:
    """Whether a state from a URL has the form in which OAuthenticator writes them.

    Anybody can write another one in a link, and OAuthenticator logs what it holds.
    """
    try:
        content = json.loads(urlsafe_b64decode(state.encode()))
    except (ValueError, RecursionError):
        return False
    state_id = content.get("state_id") if isinstance(content, dict) else None
    return isinstance(state_id, str) and _STATE_ID.fullmatch(state_id) is not None

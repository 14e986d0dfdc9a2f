"""OpenID Connect Back-Channel Logout 1.0: the provider says that a user's session has ended."""

import asyncio
from typing import Any

from jupyterhub.handlers import BaseHandler

from jhub_gateway.clients.id_tokens import LogoutNotice
from jhub_gateway.clients.oidc import ProviderError
from jhub_gateway.errors import LoginRefused

# Keycloak ends the session only once it has the hub's answer: a refresh before that still works.
SETTLE_SECONDS = 2


class BackChannelLogoutHandler(BaseHandler):
    """Takes the provider's logout tokens, at ``/hub/back_channel_logout``."""

    def check_xsrf_cookie(self) -> None:
        """The provider has no cookie; its signature says who asks."""

    async def post(self) -> None:
        self.set_header("Cache-Control", "no-store")
        login = self.authenticator
        try:
            notice = await login.read_logout_token(self.get_body_argument("logout_token", ""))
        except (LoginRefused, ProviderError) as problem:
            self.log.warning("A back-channel logout is refused: %s", problem.__cause__ or problem)
            self._answer(400, {"error": "invalid_request"})
            return
        if not login.seen_logouts.add(notice.token_id):
            # The provider may ask twice; the sessions of later logins are none of this notice's.
            self._answer(200, {})
            return
        try:
            users = await self._end_sessions(notice)
        except Exception:
            login.seen_logouts.forget(notice.token_id)  # so that the provider can ask again
            raise
        self._answer(200, {})
        await asyncio.sleep(SETTLE_SECONDS)
        for user in users:
            await login.keeper.doubt(user)

    async def _end_sessions(self, notice: LogoutNotice) -> list[Any]:
        login = self.authenticator
        accounts = await login.accounts.find(self.db, notice.subject, notice.session)
        users = [self._user_from_orm(found) for found in accounts]
        for user in users:
            self.log.info("The provider has logged out %s", user.name)
            await login.end_user(user)
        return users

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.set_status(status)
        self.finish(body)

"""The page that restarts a server in another size, with one click."""

import asyncio
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from jhub_gateway.error_pages import make_error_page
from jhub_gateway.errors import ProfileNotAllowed
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.profiles import choose_profile
from jhub_gateway.policy.quantities import format_memory
from jhub_gateway.size_offers import make_start_url

# Proxies end a request after a minute.
_STOP_SECONDS = 50


class RestartHandler(BaseHandler):
    """Asks whether to restart (GET), and stops the server and leads to its start (POST).

    For the server's owner, and for whoever may start and stop servers of theirs. Whether the
    owner may have the size is checked here for the page's sake, and by the start itself.
    """

    @web.authenticated
    @needs_scope("servers")
    async def get(self, user_name: str, server_name: str = "") -> None:
        """Show what will be done. Changes nothing."""
        spawner = self._find_spawner(user_name, server_name)
        profile = self._find_profile(spawner)
        page = await self.render_template(
            "gateway_restart.html",
            spawner=spawner,
            is_running=spawner.active,
            size=profile.display_name,
            memory=format_memory(profile.memory),
            server_url=spawner.user.server_url(spawner.name),
            auth_state=await spawner.user.get_auth_state(),
        )
        self.finish(page)

    @web.authenticated
    @needs_scope("servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Stop the server, and lead to the start in the size that the page named."""
        spawner = self._find_spawner(user_name, server_name)
        profile = self._find_profile(spawner)
        if spawner.pending == "spawn":
            raise make_error_page(409, "Your server is starting. Wait until it runs.")
        if spawner.ready:
            await self.stop_single_user(spawner.user, spawner.name)
        if not await _wait_for_stop(spawner):
            raise make_error_page(
                503, "Your server has not stopped yet. Wait a minute, then try again."
            )
        self.redirect(make_start_url(spawner, profile.slug))

    def _find_spawner(self, user_name: str, server_name: str) -> Any:
        user = self.find_user(user_name)
        if user is None or server_name not in user.orm_spawners:
            raise web.HTTPError(404)
        return user.spawners[server_name]

    def _find_profile(self, spawner: Any) -> MemoryProfile:
        try:
            return choose_profile(
                spawner.profiles, spawner.user_groups, self.get_query_argument("profile")
            )
        except ProfileNotAllowed as refusal:
            raise make_error_page(403, str(refusal)) from None


def add_restart_page(app: JupyterHub) -> None:
    """Serve the page. Call it before JupyterHub has put its handlers together."""
    pages = [
        (r"/gateway/restart/([^/]+)/?", RestartHandler),
        (r"/gateway/restart/([^/]+)/([^/]+)", RestartHandler),
    ]
    # Not assigned: JupyterHub would tell the operator that they set what is deprecated.
    app.extra_handlers.extend(pages)


async def _wait_for_stop(spawner: Any) -> bool:
    """Return whether the server is stopped; False if it is not in time."""
    if spawner._stop_future is not None:
        await asyncio.wait([spawner._stop_future], timeout=_STOP_SECONDS)
    return not spawner.active

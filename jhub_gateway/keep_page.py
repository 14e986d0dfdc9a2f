"""A user keeps a server that is about to stop: on the hub's home page, or from the server."""

from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from jhub_gateway.api_bodies import read_body
from jhub_gateway.cull_api import find_policies, find_spawner
from jhub_gateway.cull_listing import find_elapsed, find_policy
from jhub_gateway.cull_views import find_stops
from jhub_gateway.error_pages import make_error_page
from jhub_gateway.hub_pages import add_variable
from jhub_gateway.policy.cull_keeping import Keeping, find_keeping
from jhub_gateway.policy.cull_messages import ServerName, parse_server_name

_NOT_WARNED = "Your server is not about to stop."
_AT_CAP = (
    "Your server can't be kept any longer. Save your work: your files stay, and you can start it "
    "again."
)


class KeepHandler(APIHandler):
    """Keeps a server, for its owner and for the server itself, with its own token."""

    def post(self) -> None:
        """Take a server's name; answer with a :class:`Keeping`."""
        name = read_body(self, parse_server_name)
        self._keep(name.user, name.server)

    @needs_scope("access:servers")
    def _keep(self, user_name: str, server_name: str) -> None:
        keeping = keep(self, ServerName(user_name, server_name))
        self.write({"seconds": keeping.seconds, "granted": keeping.granted, "more": keeping.more})


class KeepPageHandler(BaseHandler):
    """Keeps a server, and leads back to the hub's home page."""

    @web.authenticated
    @needs_scope("access:servers")
    def post(self, user_name: str, server_name: str = "") -> None:
        """Keep the server that the address names."""
        keep(self, ServerName(user_name, server_name))
        self.redirect(url_path_join(self.hub.base_url, "home"))


def keep(handler: Any, name: ServerName) -> Keeping:
    """Keep the server that its user was warned of, for one more step of its policy.

    Raises tornado's HTTPError: 404 if there is no such server, 409 with a sentence if it is not
    about to stop, or was kept for as long as is allowed.
    """
    spawner = find_spawner(handler, name)
    if spawner.notice is None or spawner.is_culling:
        raise make_error_page(409, _NOT_WARNED)
    policy = find_policy(find_policies(handler.app), spawner)
    age = find_elapsed(spawner.orm_spawner.started)
    keeping = find_keeping(policy, age, spawner.seconds_left, spawner.run.granted)
    if keeping is None:
        raise make_error_page(409, _AT_CAP)
    spawner.keep(keeping)
    handler.db.commit()
    handler.log.info("Server %s is kept for %d s", spawner._log_name, keeping.seconds)
    return keeping


def add_keep_page(app: JupyterHub) -> None:
    """Serve it, and show it on the home page. Call it before JupyterHub has its handlers."""
    app.extra_handlers.extend(
        [
            (r"/api/gateway/keep", KeepHandler),
            (r"/gateway/keep/([^/]+)/?", KeepPageHandler),
            (r"/gateway/keep/([^/]+)/([^/]+)", KeepPageHandler),
        ]
    )
    policies = find_policies(app)
    add_variable(app, "gateway_stops", lambda _user: lambda user: find_stops(policies, user))

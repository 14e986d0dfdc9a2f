"""What the profile page asks while it is open: what there is room for now.

The hub answers from its memory. JupyterHub logs an answer that is the same as before (304) for
debugging alone.
"""

from dataclasses import asdict
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web


class CapacityHandler(BaseHandler):
    """Tells it of the sizes that a user may have, to whoever may start servers of theirs."""

    @needs_scope("servers")
    def get(self, user_name: str) -> None:
        """``{"small": {"state": "free", "words": "Ready in about 20 s"}}``, by slug."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        entries = user.spawners[""].make_form_entries()
        self.set_header("Cache-Control", "private, no-cache")
        self.write({one["slug"]: asdict(one["room"]) for one in entries if "room" in one})


def make_capacity_url(spawner: Any) -> str:
    """Return the address at which the page of the spawner's user asks."""
    return url_path_join(spawner.hub.base_url, "gateway", "capacity", spawner.user.escaped_name)


def add_capacity_page(app: JupyterHub) -> None:
    """Serve it. Call it before JupyterHub has put its handlers together."""
    app.extra_handlers.append((r"/gateway/capacity/([^/]+)", CapacityHandler))

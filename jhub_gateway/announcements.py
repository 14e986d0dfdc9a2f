"""A sentence that the operator has on the hub's pages for a while, such as of an upgrade.

It is kept by the hub's process: a hub that has started anew announces nothing.
"""

from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.app import JupyterHub
from jupyterhub.user import User
from markupsafe import escape

from jhub_gateway.api_bodies import check_scopes, read_body
from jhub_gateway.hub_pages import add_variable

LONGEST = 1000  # characters
_SCOPE = "admin-ui"
# JupyterHub's own pages show what they find under this name.
_VARIABLE = "announcement"


class Announcement:
    """What is announced now; empty if nothing is. ``usual`` is what the hub's settings have."""

    def __init__(self, usual: Any = "") -> None:
        self._usual = usual
        self.text = ""

    def show(self, user: User | None) -> Any:
        """Return it as the pages of ``user`` have it: as HTML."""
        if self.text:
            return escape(self.text)
        return self._usual(user) if callable(self._usual) else self._usual


class AnnouncementHandler(APIHandler):
    """Announces for administrators, and for services with the scope ``admin-ui``."""

    def initialize(self, announcement: Announcement) -> None:
        """Take what Tornado gives from the handler's entry."""
        self.announcement = announcement

    def put(self) -> None:
        """Take ``{"text": "..."}``, plain text; an empty one takes it back."""
        check_scopes(self, _SCOPE)
        self.announcement.text = read_body(self, parse_text)
        self.log.info("Announced to users: %r", self.announcement.text)
        self.set_status(204)


def parse_text(body: object) -> str:
    """Return the text of a request's JSON body. Raises ValueError, with a sentence."""
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise ValueError('it must be as {"text": "..."}')
    if len(text) > LONGEST:
        raise ValueError(f"text is longer than {LONGEST} characters")
    return text.strip()


def add_announcements(app: JupyterHub) -> None:
    """Serve it, and show it. Call it before JupyterHub has put its handlers together."""
    announcement = Announcement(app.template_vars.get(_VARIABLE, ""))
    add_variable(app, _VARIABLE, announcement.show)
    app.extra_handlers.append(
        (r"/api/gateway/announcement", AnnouncementHandler, {"announcement": announcement})
    )

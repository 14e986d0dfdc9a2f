"""The page that a gateway's links lead to: a click opens a notebook in a server of its own."""

import asyncio
import time
from typing import Any
from urllib.parse import quote

from jupyterhub import version_info
from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web
from tornado.httputil import url_concat

from jhub_gateway.error_pages import make_error_page
from jhub_gateway.errors import ConfigurationError, LinkRefused, ProfileNotAllowed
from jhub_gateway.link_keys import read_keys
from jhub_gateway.models import Link, LinkPlan
from jhub_gateway.policy.link_rules import check_unsigned
from jhub_gateway.policy.link_signatures import make_unknown, read_signer, verify_claims
from jhub_gateway.policy.links import (
    REQUEST,
    make_server_name,
    parse_link,
    parse_query,
    pick_values,
)
from jhub_gateway.policy.quantities import format_memory

# Most refusals come at once; the page that waits for the start shows the others.
_START_SECONDS = 1
_KEYS_UNREADABLE = "This hub can't check the gateway's signatures now. Tell the gateway's support."


class OpenHandler(BaseHandler):
    """Says what a link opens (GET), and starts its server and leads into the notebook (POST)."""

    def set_default_headers(self) -> None:
        """No other page may show this one, where its click could be stolen: whatever is set."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    @web.authenticated
    async def get(self) -> None:
        """Show what will be opened. Changes nothing."""
        await self._show(self.current_user.name)

    @web.authenticated
    async def post(self) -> None:
        """Start the link's server unless it runs, and lead to the notebook in it."""
        await self._open(self.current_user.name)

    @needs_scope("servers")
    async def _show(self, user_name: str) -> None:
        user = self._find_user(user_name)
        link, plan = await self._read(user)
        spawner = _find_spawner(user, make_server_name(link))
        page = await self.render_template(
            "gateway_open.html",
            link=link,
            plan=plan,
            memory=format_memory(plan.profile.memory) if plan.profile else "",
            size=format_memory(plan.dataset.size) if plan.dataset and plan.dataset.size else "",
            server_name=make_server_name(link),
            is_running=bool(spawner and spawner.active),
            auth_state=await user.get_auth_state(),
        )
        self.finish(page)

    @needs_scope("servers")
    async def _open(self, user_name: str) -> None:
        user = self._find_user(user_name)
        link, plan = await self._read(user)
        name = make_server_name(link)
        spawner = _find_spawner(user, name)
        if spawner is not None and spawner.ready:
            # It may have died since the hub last looked.
            await spawner.poll_and_notify()
        if spawner is not None and spawner.pending == "stop":
            raise make_error_page(409, "The link's server is stopping. Wait a minute, try again.")
        if spawner is None or not spawner.active:
            await self._start(user, name, link, plan)
        self._lead_into(user, name, link)

    async def _read(self, user: Any) -> tuple[Link, LinkPlan]:
        """Return what the address asks for, and how it opens. Raises tornado's HTTPError."""
        try:
            link = await self._read_link(user.spawner)
            plan = await user.spawner.plan_link(link)
            await self._check_limit(user, link)
        except (LinkRefused, ProfileNotAllowed) as refusal:
            cause = getattr(refusal, "cause", "") or refusal
            self.log.warning("Refused a link to %s: %s", user.name, cause)
            raise make_error_page(getattr(refusal, "status", 403), str(refusal)) from None
        return link, plan

    async def _read_link(self, spawner: Any) -> Link:
        parameters = parse_query(self.request.query)
        request = parameters.get(REQUEST)
        if request is None:
            link = parse_link(parameters)
            check_unsigned(link, spawner.link_rules)
            return link
        issuer, _key_id = read_signer(request)
        for gateway in spawner.gateways:
            if gateway.issuer == issuer:
                keys = await self._read_keys(gateway)
                claims = verify_claims(request, issuer, keys, time.time())
                return parse_link(pick_values(claims), gateway.name)
        raise make_unknown(f"issuer {issuer!r:.80}")

    async def _read_keys(self, gateway: Any) -> dict[str, bytes]:
        try:
            return await asyncio.to_thread(read_keys, gateway)
        except ConfigurationError as problem:
            self.log.error("No signed link can be opened: %s", problem)
            raise make_error_page(503, _KEYS_UNREADABLE) from None

    async def _check_limit(self, user: Any, link: Link) -> None:
        limit = await self.get_current_user_named_server_limit()
        others = {name for name in user.orm_spawners if name}
        if 0 < limit <= len(others) and make_server_name(link) not in others:
            raise LinkRefused(
                f"You have {len(others)} named servers, and {limit} are the most. Delete one on "
                "the hub's home page, where your files stay, and open the link again.",
            )

    async def _start(self, user: Any, name: str, link: Link, plan: LinkPlan) -> None:
        """Start the server. Raises tornado's HTTPError for what is refused at once."""
        spawner = _make_spawner(user, name)
        spawner.link = link
        options = {"profile": plan.profile.slug} if plan.profile else {}
        starting = asyncio.ensure_future(
            self.spawn_single_user(user, server_name=name, options=options)
        )
        await asyncio.wait([starting], timeout=_START_SECONDS)
        # Where a second click came first, its start is waited for.
        if starting.done() and (error := starting.exception()) and not spawner.pending:
            raise error

    def _lead_into(self, user: Any, name: str, link: Link) -> None:
        server = user.server_url(name)
        notebook = url_path_join(server, "lab/tree", quote(link.notebook, safe="/"))
        spawner = user.spawners[name]
        if spawner.ready:
            self.redirect(notebook)
            return
        pending = url_path_join(
            self.hub.base_url, "spawn-pending", user.escaped_name, url_escape_path(name)
        )
        self.redirect(url_concat(pending, {"next": notebook}))

    def _find_user(self, user_name: str) -> Any:
        # A service that calls itself here is no user, and has no server.
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        return user


def add_open_page(app: JupyterHub) -> None:
    """Serve the page, if any link is opened. Call it before JupyterHub has its handlers."""
    if app.spawner_class.make_for_checks(app).takes_links:
        app.extra_handlers.append((r"/gateway/open", OpenHandler))


def _find_spawner(user: Any, name: str) -> Any:
    """Return the server of that name, or None: looking for it makes none."""
    return user.spawners[name] if name in user.orm_spawners else None


def _make_spawner(user: Any, name: str) -> Any:
    """Return the server of that name, made if there is none."""
    if version_info >= (6,):
        return user.get_or_create_spawner(name, name, replace_failed=True)
    return user.get_spawner(name, replace_failed=True)

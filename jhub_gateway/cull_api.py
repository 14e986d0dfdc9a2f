"""What a culler asks of the hub: which servers run, whom to warn, and to stop one."""

from collections.abc import Mapping
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.app import JupyterHub
from tornado import web

from jhub_gateway.api_bodies import check_scopes, read_body, read_number
from jhub_gateway.cull_listing import ServerListing, find_policy
from jhub_gateway.cull_metrics import CULLS, REPORTS
from jhub_gateway.culled_spawner import CulledSpawner, load_cull_policies
from jhub_gateway.hub_servers import list_spawners
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_messages import (
    Clear,
    Notices,
    ServerName,
    StopOrder,
    Warn,
    parse_notices,
    parse_stop_order,
)
from jhub_gateway.policy.cull_policies import is_exempt
from jhub_gateway.policy.cull_words import describe_duration, make_cull_reason

_MOST_SERVERS = 1000
_MOST_ID = 2**63 - 1


class ServersHandler(APIHandler):
    """Lists the servers that are ready, with what the hub knows for a decision on them."""

    def get(self) -> None:
        """``?limit=500&after=0``: a page of servers; ``after`` is ``next`` of the page before."""
        check_scopes(self, "read:servers", "delete:servers")
        if self.get_query_argument("state", "ready") != "ready":
            raise web.HTTPError(400, "state must be ready.")
        limit = read_number(self, "limit", 500, _MOST_SERVERS) or 1
        after = read_number(self, "after", 0, _MOST_ID)
        listing = ServerListing(self.app, find_policies(self.app))
        self.write(listing.read_page(after, limit))


class NoticesHandler(APIHandler):
    """Hears whose servers are about to stop, and whose are not any more."""

    def post(self) -> None:
        """Take a :class:`Notices`; answer how many of its servers are not in the run it names."""
        check_scopes(self, "delete:servers")
        notices = read_body(self, parse_notices)
        if notices.cull_pass is not None:
            REPORTS.note(notices.cull_pass)
        self.write({"missed": _carry_out(notices, _find_all_ready(self.app))})


class StopsHandler(APIHandler):
    """Stops a server that was announced to stop, unless anything has changed since.

    Of several that ask for the same, one is answered 202.
    """

    async def post(self) -> None:
        """Take a :class:`StopOrder`; answer 202 at once, and stop the server after that."""
        check_scopes(self, "delete:servers")
        order = read_body(self, parse_stop_order)
        spawner = find_spawner(self, order.name)
        policy = find_policy(find_policies(self.app), spawner)
        if problem := find_objection(policy, spawner, order):
            raise web.HTTPError(409, problem)
        spawner.begin_cull(make_cull_reason(policy, order.cause, order.detail))
        self.db.commit()
        self.set_status(202)
        # The stop may take a minute, and the culler has others to look at.
        self.finish({})
        await self._stop(spawner, order)

    async def _stop(self, spawner: Any, order: StopOrder) -> None:
        self.log.info(
            "Stopping server %s (culled-%s): %s", spawner._log_name, order.cause, order.detail
        )
        try:
            await (await self.stop_single_user(spawner.user, spawner.name))
        except Exception:
            self.log.exception("Server %s can't be stopped", spawner._log_name)
        if spawner.end_cull():
            CULLS.labels(order.cause).inc()
        else:
            self.log.error("Server %s was not stopped, and goes on", spawner._log_name)
        self.db.commit()


def find_policies(app: JupyterHub) -> Mapping[str, CullPolicy]:
    """Return the policies of this hub's profiles, the default one under ""."""
    return load_cull_policies(app.spawner_class, app)


def find_spawner(handler: APIHandler, name: ServerName) -> CulledSpawner:
    """Return the spawner of a server that runs, starts or stops.

    Raises tornado's HTTPError: 404 if there is no such server, 409 if it doesn't run.
    """
    user = handler.find_user(name.user)
    if user is None or name.server not in user.orm_spawners:
        raise web.HTTPError(404, "There is no such server.")
    spawner: CulledSpawner | None = user.spawners.get(name.server)
    if spawner is None or not spawner.active:
        raise web.HTTPError(409, "The server does not run.")
    return spawner


def find_objection(policy: CullPolicy, spawner: CulledSpawner, order: StopOrder) -> str:
    """Return a sentence on why the server may not be stopped now; empty if it may."""
    warned_for = spawner.warned_for
    if spawner.run.run_id != order.run:
        return "The server was restarted since."
    if spawner.is_culling or not spawner.ready:
        return f"The server is pending {spawner.pending or 'stop'}."
    if spawner.run.granted != order.granted:
        return "The server was kept since."
    if warned_for is None or warned_for < policy.warn_before:
        return f"Its user was not warned for {describe_duration(policy.warn_before)}."
    if is_exempt(policy, spawner.user_groups):
        return "Its user is in a group whose servers are not stopped."
    return ""


def add_cull_api(app: JupyterHub) -> None:
    """Serve it. Call it before JupyterHub has put its handlers together."""
    app.extra_handlers.extend(
        [
            (r"/api/gateway/servers", ServersHandler),
            (r"/api/gateway/notices", NoticesHandler),
            (r"/api/gateway/stops", StopsHandler),
        ]
    )


def _find_all_ready(app: JupyterHub) -> dict[ServerName, CulledSpawner]:
    return {
        ServerName(user.name, name): spawner
        for user, name, spawner in list_spawners(app)
        if spawner.ready
    }


def _carry_out(notices: Notices, ready: dict[ServerName, CulledSpawner]) -> int:
    """Warn and clear; return how many of the servers are not in the run that was meant."""
    told: list[Warn | Clear] = [*notices.warn, *notices.clear]
    return sum(not _tell(ready.get(one.name), one) for one in told)


def _tell(spawner: CulledSpawner | None, one: Warn | Clear) -> bool:
    if spawner is None or spawner.run.run_id != one.run or spawner.is_culling:
        return False
    if isinstance(one, Clear):
        spawner.notice = None
        return True
    if spawner.notice is None:
        spawner.log.info("Server %s stops in %d s (%s)", spawner._log_name, one.seconds, one.cause)
    spawner.warn(one.seconds, one.cause)
    return True

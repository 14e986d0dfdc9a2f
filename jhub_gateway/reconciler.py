"""Compares the hub's servers with the cluster's pods, and makes right what a crash left wrong.

JupyterHub looks at all servers of its database when it starts, and at those that it started as
long as they run. What it does not know, it never looks at: the pod of a start or a stop in whose
middle the hub was killed, a server that another hub with this database started, a user whose
stop failed half-way. This loop finds those.

Of several hubs with one name a Lease elects one. A Lease alone is not enough: a hub that was
started by mistake with an empty database would be elected as soon as the first one restarts, and
no server of the first is in its database. So pods bear the id of the database that they were made
with, and a hub ends those of its own. In doubt a pod stays, and the log says so.

Where this hub may not use Leases it reaps all the same: a pod is an orphan for each hub with this
database or for none, and is deleted by its UID. What needs more, such as taking up another hub's
servers, is left.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any

from kubernetes_asyncio.client import ApiClient
from sqlalchemy.exc import SQLAlchemyError

from jhub_gateway import hub_servers
from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.leases import Lease, LeaseUnavailable
from jhub_gateway.clients.pod_lists import list_pod_metadata
from jhub_gateway.clients.pods import PodRequests
from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.policy.labels import HUB
from jhub_gateway.policy.reconciliation import (
    Act,
    Adopt,
    Free,
    Pod,
    Reap,
    Rules,
    decide,
    find_strangers,
    make_lease_name,
)
from jhub_gateway.reconciler_metrics import (
    IS_LEADER,
    ORPHANS_REAPED,
    RECONCILE_SECONDS,
    STRANGE_PODS,
)
from jhub_gateway.request_ids import outside_requests

REQUEST_SECONDS = 10
# A Lease outlives this many rounds that fail.
_LEASE_ROUNDS = 3
_ACT_SECONDS = 60
_RELEASE_SECONDS = 3


class Reconciler:
    """One hub's. ``spawner`` is one of nobody, with the hub's settings."""

    def __init__(self, app: Any, spawner: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._spawner = spawner
        self._clock = clock
        self._log = spawner.log
        # KubeSpawner closes its own before the Lease is given back.
        self._client = ApiClient()
        name_caller(self._client)
        self._pods = PodRequests(self._client, spawner.namespace, REQUEST_SECONDS)
        self._lease = Lease(
            self._client,
            spawner.namespace,
            make_lease_name(spawner.hub_name),
            # Which machine it is, for operators; and a database, so that two of one name show.
            f"{socket.gethostname()}_{spawner.database_id}_{token_hex(4)}",
            spawner.reconcile_interval * _LEASE_ROUNDS,
            clock,
        )
        self._has_leases = True
        self._told = ""
        self._seen: dict[Act, float] = {}
        self._acts: set[asyncio.Task[None]] = set()
        self._strangers: frozenset[str] = frozenset()

    def start(self) -> None:
        """Reconcile from now on, in the running loop; give the Lease back when that ends."""
        with outside_requests():
            self._task = asyncio.ensure_future(self._keep_reconciling())

    async def _keep_reconciling(self) -> None:
        try:
            # JupyterHub has begun to look at all of its servers by then; those it still looks at
            # are pending.
            await asyncio.shield(self._app._start_future)
            while True:
                await self._try()
                await asyncio.sleep(self._spawner.reconcile_interval * (0.75 + draw_chance() / 2))
        finally:
            # Without an answer it ends by itself, later.
            async with self._client:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._lease.release(), _RELEASE_SECONDS)

    async def _try(self) -> None:
        try:
            with RECONCILE_SECONDS.time():
                await self.reconcile()
        except Exception as problem:
            self._log.warning("Pods and servers are not compared now: %s", problem)
            self._mend_database(problem)

    def _mend_database(self, problem: Exception) -> None:
        # A connection that was lost stays so until somebody says that its transaction is over.
        if isinstance(problem, SQLAlchemyError):
            self._app.db.rollback()

    async def reconcile(self) -> None:
        """Compare once, and act. Raises KubeUnavailable, and what the database raises."""
        may_act = await self._elect()
        IS_LEADER.set(self._lease.is_held)
        if not may_act:
            # Another hub looks after it; what this one has seen may not hold when it is elected.
            self._seen = {}
            return
        spawner = self._spawner
        # First the pods: see jhub_gateway.policy.reconciliation.
        found = await list_pod_metadata(
            self._client, spawner.namespace, f"{HUB}={spawner.hub_name}"
        )
        pods = [Pod.make(metadata) for metadata in found]
        self._tell_strangers(pods)
        servers = hub_servers.read_servers(self._app)
        acts, self._seen = decide(self._make_rules(), servers, pods, self._seen, self._clock())
        for act in acts:
            if self._has_leases and not self._lease.is_held:
                break
            await self._do(act)

    def _make_rules(self) -> Rules:
        spawner = self._spawner
        return Rules(
            spawner.hub_name,
            spawner.database_id,
            spawner.reap_after,
            spawner.longest_start,
            self._lease.is_held,
        )

    async def _elect(self) -> bool:
        """Return whether this hub may act: it holds the Lease, or there are none to be had."""
        try:
            is_held = await self._lease.hold()
        except LeaseUnavailable as problem:
            if self._has_leases:
                self._log.warning(
                    "This hub has no Lease, and reconciles without: %s. See "
                    "helm-values/manifests/beside-chart/reconciler-rbac.yaml",
                    problem,
                )
            self._has_leases = False
            return True
        self._has_leases = True
        self._tell_holder()
        return is_held

    def _tell_holder(self) -> None:
        holder = self._lease.holder
        if holder == self._told or not holder:
            return
        self._told = holder
        if self._lease.is_held:
            self._log.info("This hub reconciles from now on, as %s", holder)
        elif f"_{self._spawner.database_id}_" in holder:
            self._log.info("Another hub with this database reconciles: %s", holder)
        else:
            self._log.warning(
                "Another hub has this one's name, %r, and another database: %s. Give each its own "
                "GatewaySpawner.hub_name and KubeSpawner.pod_name_template",
                self._spawner.hub_name,
                holder,
            )

    def _tell_strangers(self, pods: list[Pod]) -> None:
        spawner = self._spawner
        strangers = find_strangers(spawner.hub_name, spawner.database_id, pods)
        STRANGE_PODS.set(len(strangers))
        names = frozenset(pod.name for pod in strangers)
        if names - self._strangers:
            self._log.warning(
                "%d pods bear this hub's name, %r, and were not made with its database: %s. They "
                "are left alone. If no other hub has this name, delete those that nobody uses",
                len(names),
                spawner.hub_name,
                ", ".join(sorted(names)[:10]),
            )
        self._strangers = names

    async def _do(self, act: Act) -> None:
        # What hangs, an operator's hook say, goes on by itself and holds up nothing else.
        task = asyncio.create_task(self._carry_out(act))
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        await asyncio.wait({task}, timeout=_ACT_SECONDS)

    async def _carry_out(self, act: Act) -> None:
        try:
            match act:
                case Reap():
                    await self._reap(act)
                case Free():
                    await self._free(act)
                case Adopt():
                    await self._adopt(act)
        except Exception as problem:
            self._log.exception("Reconciling: %s failed; it is tried again", act)
            self._mend_database(problem)

    async def _reap(self, act: Reap) -> None:
        grace = self._spawner.delete_grace_period
        answer = await self._pods.delete(act.pod_name, act.uid, grace)
        if answer.is_fine:
            ORPHANS_REAPED.labels(kind="pod").inc()
            self._log.warning(
                "Deleted the pod %s (%s): no server of this hub has it", act.pod_name, act.uid
            )
        else:
            self._log.info("Pod %s is not deleted: %s", act.pod_name, answer)

    async def _free(self, act: Free) -> None:
        if await hub_servers.free(self._app, act.username, act.server_name):
            self._log.warning("Freed %s:%s, whose pod is gone", act.username, act.server_name)

    async def _adopt(self, act: Adopt) -> None:
        if await hub_servers.adopt(self._app, act.username, act.server_name):
            self._log.warning(
                "Took up the running server %s:%s, which this hub had not started",
                act.username,
                act.server_name,
            )

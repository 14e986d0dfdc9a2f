"""A spawner whose servers outlive their hub: settings and seams of the reconciler."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from traitlets import Float

from jhub_gateway.access_checks import check_reconciler_access, check_start_access
from jhub_gateway.clients.servers import is_answering
from jhub_gateway.hub_database import get_database_id
from jhub_gateway.profiled_spawner import ProfiledSpawner
from jhub_gateway.reconciler import Reconciler
from jhub_gateway.steady_spawner import SteadySpawner

_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.5, 5.0
# A hub that restarts looks at all of its servers: with a thousand at once it is too busy to see
# within a second that one answers, and needs memory for all of them.
_LOOKS_AT_ONCE = 50
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class ReconciledSpawner(ProfiledSpawner, SteadySpawner):
    """A spawner whose pods bear the labels of the hub and of its database."""

    # Which database this hub has; empty if it can't be told, and then no pod is reaped.
    database_id = ""

    reconcile_interval = Float(
        60.0,
        min=1.0,
        config=True,
        help="""
        How often the hub compares its servers with the pods in the cluster, in seconds: it frees
        users whose pod is gone, and deletes pods that no server has. Each time it is one request
        for each 200 pods, and two for the Lease. Another hub takes over within four times as
        long. Default: 60.
        """,
    )

    reap_after = Float(
        300.0,
        min=0.0,
        config=True,
        help="""
        How long a pod of this hub lives on that no server of its database has, in seconds since
        the hub first saw it so. Longer gives you time to look at it; it keeps its memory until
        then. Default: 300.
        """,
    )

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Check the hub's rights. Raises ConfigurationError."""
        super().check_at_start(app)
        spawner = cls.make_for_checks(app)
        check_reconciler_access(spawner)
        check_start_access(spawner)

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Begin to reconcile, once the hub has started."""
        super().prepare_at_start(app)
        self = cls.make_for_checks(app)
        try:
            cls.database_id = get_database_id(app.db)
        except SQLAlchemyError as problem:
            app.db.rollback()
            self.log.error("Orphaned pods will not be deleted: the database has no id: %s", problem)
        if self.enable_user_namespaces:
            self.log.warning("Pods in namespaces of their own are not compared with the servers")
        else:
            Reconciler(app, self).start()

    @property
    def has_running_pod(self) -> bool:
        """Whether this server's pod is up, as far as the hub's watch has seen."""
        return bool(self.is_pod_running(self.get_own_pod()))

    async def poll(self) -> int | None:
        """Say whether the server runs; of one that another hub has in hand, that it does."""
        status: int | None = await super().poll()
        if status is not None and not self._is_begun_here and self._has_other_start():
            return None
        return status

    def _has_other_start(self) -> bool:
        """Take back what the database has of the server now; whether that is another start.

        A standby on the same database has taken it up, and the first hub has restarted it since.
        """
        try:
            self.db.commit()
            self.db.refresh(self.orm_spawner)
        except InvalidRequestError:
            return False  # It was removed.
        state = self.orm_spawner.state or {}
        if state.get("start_id", "") == self.start_id:
            return False
        self.load_state(state)
        return True

    async def get_url(self) -> str:
        """Return the server's address; if its pod is still starting, once that is up.

        JupyterHub asks when it restarts, and would look for the server at no address at all.
        """
        try:
            async with asyncio.timeout(self.start_timeout):
                await self._wait_for_server()
        except TimeoutError:
            self.log.warning("%s does not answer after %d s", self._log_name, self.start_timeout)
        except Exception:
            # JupyterHub would never look at this server again.
            self.log.exception("%s could not be looked at", self._log_name)
        return str(self.server.url) if self.server else ""

    async def _wait_for_server(self) -> None:
        """Return once the server answers, or has ended.

        JupyterHub asks ten servers at a time, for 30 seconds in all, and deletes those that have
        not answered by then: behind a few that are out of reach others would never be asked.
        """
        seconds = _LOOK_SECONDS
        while not await self._has_come_up_or_ended():
            await asyncio.sleep(seconds)
            seconds = min(seconds * 1.5, _LONGEST_LOOK_SECONDS)

    async def _has_come_up_or_ended(self) -> bool:
        turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_LOOKS_AT_ONCE))
        async with turns:
            # A poll takes the pod's address into the database.
            has_ended = await self.poll() is not None
            return has_ended or (self.has_running_pod and await is_answering(self.server.url))

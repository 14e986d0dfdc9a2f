"""A spawner whose servers outlive their hub: settings and seams of the reconciler."""

import asyncio
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from traitlets import Float

from jhub_gateway.access_checks import check_reconciler_access
from jhub_gateway.hub_database import get_database_id
from jhub_gateway.profiled_spawner import ProfiledSpawner
from jhub_gateway.reconciler import Reconciler
from jhub_gateway.steady_spawner import SteadySpawner

_LOOK_SECONDS = 0.5


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
        for up to 500 pods, and two for the Lease. Another hub takes over within four times as
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
        check_reconciler_access(cls.make_for_checks(app))

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

    async def get_url(self) -> str:
        """Return the server's address; if its pod is still starting, once that is up.

        JupyterHub asks when it restarts, and would look for the server at no address at all.
        """
        if not self.has_running_pod:
            await self._wait_for_pod()
        return str(self.server.url)

    async def _wait_for_pod(self) -> None:
        """Return once the pod is up, has ended, or has not come up in time."""
        try:
            async with asyncio.timeout(self.start_timeout):
                # The watch tells nobody of a pod of which no start waits.
                while await self.poll() is None and not self.has_running_pod:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            self.log.warning("%s is still starting after %d s", self._log_name, self.start_timeout)
        else:
            # This takes the pod's address into the database.
            await self.poll()

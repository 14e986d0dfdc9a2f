"""A spawner whose starts wait in line where the cluster has no room for them."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

from traitlets import Integer

from jhub_gateway.capacity_metrics import show_servers_in_line
from jhub_gateway.cluster_capacity_spawner import ClusterCapacitySpawner
from jhub_gateway.errors import StartFailed
from jhub_gateway.models import Reason
from jhub_gateway.policy.capacity import Capacity
from jhub_gateway.policy.line_reasons import make_line_reason, make_line_timeout
from jhub_gateway.policy.start_stages import QUEUED
from jhub_gateway.policy.waiting_line import add_line
from jhub_gateway.refusals import make_logged_failure
from jhub_gateway.start_metrics import count_failed_start
from jhub_gateway.waiting_line import WaitingLine, WaitingStart


class WaitingSpawner(ClusterCapacitySpawner):
    """Makes a start's pod once it is its turn."""

    # One for all spawners of the hub; None where nobody waits.
    _line: ClassVar[WaitingLine | None] = None

    # By how much JupyterHub's patience is longer now than the start's own.
    _more_seconds = 0

    wait_in_line = Integer(
        0,
        min=0,
        config=True,
        help="""
        For how long a start may wait for room in the cluster, in seconds. Starts for which there
        is none wait in the order of their requests, before their pods are made, and their users
        see their place. A start goes once there is room for it and nobody before it waits for
        some of the same nodes. One that has waited for so long fails, and its user is told to
        try a smaller size. ``start_timeout`` begins when it is a start's turn.

        It has no effect unless there are ``memory_profiles`` and the hub may watch nodes and
        pods. JupyterHub counts starts in line as pending: raise
        ``JupyterHub.concurrent_spawn_limit`` by as many as may wait. A hub that restarts knows
        nothing of them, and they have to be started again. Default: 0; nobody waits in line, and
        pods without room wait for the scheduler.
        """,
    )

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Have a line, if starts may wait."""
        super().prepare_at_start(app)
        self = cls.make_for_checks(app)
        if cls._cluster is None or not self.wait_in_line:
            return
        cls._line = line = WaitingLine(cls._cluster.find_room)
        show_servers_in_line([one.slug for one in self.profiles], lambda: line.slugs)

    @property
    def needs_capacities(self) -> bool:
        """Whether the settings have no effect where the hub may not see the cluster."""
        return super().needs_capacities or bool(self.wait_in_line)

    @property
    def longest_start(self) -> int:
        """How long a start takes at most until it is ready or has failed, in seconds."""
        return super().longest_start + int(self.wait_in_line)

    def find_capacities(self) -> Mapping[str, Capacity]:
        """Return the capacities for one who comes now: those in line are ahead."""
        if self._line is None or self._cluster is None or not self._line.slugs:
            return super().find_capacities()
        return add_line(self._line.slugs, self._cluster.find_room())

    def start(self) -> Awaitable[str]:
        """Start the server when it is its turn. Raises as ExplainedSpawner's does."""
        if not self.wait_in_line:
            return super().start()
        # JupyterHub reads its own limit of time now.
        self._lengthen_patience(self.wait_in_line)
        self.begin_waiting()
        return self._start_in_turn()

    def _lengthen_patience(self, seconds: int) -> None:
        # Not put back by a start that was given up before it had begun.
        self.start_timeout += seconds - self._more_seconds
        self._more_seconds = seconds

    async def _start_in_turn(self) -> str:
        start, line = None, None
        try:
            # Who may not have it is told now. The profile is chosen again at the turn, as its
            # owner's groups may have changed.
            profile, line = self.choose_profile(), self._line
            if profile is not None and line is not None:
                start = WaitingStart(profile.slug, self._say_place, self._is_counted)
                await self._wait_for_turn(line, start)
            self._lengthen_patience(0)
            work = super().start()
            # JupyterHub has committed before there was anything to remember.
            self.user.db.commit()
            # One that is ready holds its room until its pod is counted.
            return await work
        except BaseException:
            if line is not None and start is not None:
                line.leave(start)
            raise
        finally:
            self._lengthen_patience(0)

    async def _wait_for_turn(self, line: WaitingLine, start: WaitingStart) -> None:
        began = time.monotonic()
        line.join(start)
        if start.turn.is_set():
            return
        place = self._reason.cause if self._reason else ""
        self.log.info("Server %s waits for room: %s", self._log_name, place)
        try:
            async with asyncio.timeout(self.wait_in_line):
                await start.turn.wait()
        except TimeoutError:
            raise self._fail_in_line() from None
        except asyncio.CancelledError:
            self.log.info("Server %s has left the line", self._log_name)
            raise
        seconds = time.monotonic() - began
        self.log.info("Server %s has room after %.0f s in line", self._log_name, seconds)

    def _fail_in_line(self) -> Exception:
        reason = make_line_timeout(self._reason, self.wait_in_line)
        count_failed_start(reason, QUEUED, self._slug)
        return make_logged_failure(self, StartFailed(reason))

    def _say_place(self, number: int, count: int) -> None:
        before: Reason | None = self._reason
        reason = make_line_reason(number, count)
        if before is not None and before != reason:
            self.log.debug("Server %s is %s", self._log_name, reason.cause)
        self.say_waiting(reason)

    def _is_counted(self) -> bool:
        # Before it has an id an earlier start's pod would be taken for its own.
        pod = self.get_own_pod() if self.start_id else None
        uid = pod["metadata"]["uid"] if pod else ""
        return bool(uid) and self._cluster is not None and self._cluster.has_counted(uid)

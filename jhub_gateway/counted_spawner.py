"""A spawner whose servers' memory is counted: how much they had, for how long, and used of it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy.exc import SQLAlchemyError

from jhub_gateway.clients.server_use import Told, open_server_asker
from jhub_gateway.culled_spawner import CulledSpawner
from jhub_gateway.memory_counting import keep_counting
from jhub_gateway.memory_ledger import MemoryLedger, MemoryRun
from jhub_gateway.memory_metrics import count_peak
from jhub_gateway.models import MemoryProfile, Reason
from jhub_gateway.owned_spawner import OwnedSpawner
from jhub_gateway.policy.memory_peaks import bound_peak

# A server that is being stopped is asked what it has used; that must not hold up its stop.
_ASK_SECONDS = 2.0
_OUT_OF_MEMORY = "oom"
RETENTION = timedelta(days=90)
"""For so long at least a run is remembered."""


class CountedSpawner(CulledSpawner, OwnedSpawner):
    """A spawner that writes its servers' runs into the hub's database.

    Mix it in before a JupyterHub Spawner.
    """

    # What JupyterHub's Spawner brings.
    server: Any

    # Of the hub's database, from the hub's start on; None where there is none.
    ledger: ClassVar[MemoryLedger | None] = None
    _counting: ClassVar["asyncio.Future[None] | None"] = None

    # Of this run: bytes, what is charged for them, and whose home it has.
    memory_held = 0
    _account = ""
    _home_name = ""
    _has_begun = False

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Open the ledger, and begin to count what runs."""
        super().prepare_at_start(app)
        try:
            cls.ledger = MemoryLedger(app.db)
        except SQLAlchemyError as problem:
            app.db.rollback()
            cls.refuse_without_ledger(app, problem)
            return
        # The loop holds tasks by weak references alone.
        cls._counting = asyncio.ensure_future(
            keep_counting(app, cls.ledger, cls.find_retention(app))
        )

    @classmethod
    def refuse_without_ledger(cls, app: Any, problem: SQLAlchemyError) -> None:
        """Go on without, or raise ConfigurationError where the settings need it."""
        app.log.error("Memory is not counted: the database takes no table for it: %s", problem)

    @classmethod
    def find_retention(cls, app: Any) -> timedelta:  # noqa: ARG003
        """Return for how long runs are remembered."""
        return RETENTION

    # What is remembered

    def get_state(self) -> dict[str, Any]:
        """Remember what the run has, for a hub that restarts."""
        state = super().get_state()
        if self.run.run_id and self.memory_held:
            state["memory"] = {
                "held": self.memory_held,
                "account": self._account,
                "owner": self._home_name,
            }
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)
        found = state.get("memory", {})
        self.memory_held = found.get("held", 0)
        self._account = found.get("account", "")
        self._home_name = found.get("owner", "")
        self._has_begun = bool(found)

    def clear_state(self) -> None:
        """Forget what a server had that has stopped."""
        super().clear_state()
        self.memory_held, self._account, self._home_name = 0, "", ""
        self._has_begun = False

    # A run

    def choose_profile(self) -> MemoryProfile | None:
        """Return the profile of this start, and hold its memory from now on."""
        self.memory_held = 0
        profile = super().choose_profile()
        self.memory_held = profile.memory if profile else 0
        return profile

    async def load_owner(self) -> None:
        """Find out whose server this is, for who reads the run afterwards."""
        await super().load_owner()
        self._home_name = self.home_directory

    @property
    def memory_run(self) -> MemoryRun | None:
        """This run, for the ledger; None of a server that has no profile or no run."""
        if not (self.run.run_id and self.memory_held):
            return None
        return MemoryRun(
            run_id=self.run.run_id,
            account=self._account,
            username=self.user.name,
            owner=self._home_name,
            profile=self.profile,
            memory=self.memory_held,
        )

    def start(self) -> Any:
        """Count the server from when it is there."""
        self._has_begun = False
        return self._count_from(super().start())

    async def _count_from(self, start: Awaitable[Any]) -> Any:
        address, self._has_begun = await start, True
        run = self.memory_run
        if self.ledger is not None and run is not None:
            try:
                self.ledger.begin(run)
            except SQLAlchemyError as problem:
                self._tell_trouble(problem)
        return address

    async def stop(self, now: bool = False) -> None:
        """Ask the server what it has used, and count it no longer."""
        run = self.memory_run if self._has_begun else None
        peak = await self._ask_peak(run) if run else None
        await super().stop(now=now)  # type: ignore[misc]
        if run:
            self._note(run, peak, is_end=True)

    def remember_end(self, reason: Reason, profile: str) -> None:
        """Of a server that ran out of memory it is known what it has used: all."""
        run = self.memory_run
        if run and reason.code == _OUT_OF_MEMORY:
            self._note(run, run.memory)
        super().remember_end(reason, profile)

    async def _ask_peak(self, run: MemoryRun) -> int | None:
        if self.ledger is None or not (self.server and self.run.use_key):
            return None
        async with open_server_asker(1, _ASK_SECONDS) as asker:
            # Without a stop in it the question announces nothing, and takes nothing back.
            answer = await asker.ask(self.server.url, self.run.use_key, {}, 0)
        return bound_peak(answer.peak, run.memory) if isinstance(answer, Told) else None

    def _note(self, run: MemoryRun, peak: int | None, is_end: bool = False) -> None:
        if self.ledger is None:
            return
        try:
            if is_end:
                self.ledger.end(run)
            is_news = peak is not None and self.ledger.note_peak(run.run_id, peak)
        except SQLAlchemyError as problem:
            self._tell_trouble(problem)
            return
        if peak is not None and is_news:
            count_peak(run.profile, peak, run.memory)

    def _tell_trouble(self, problem: SQLAlchemyError) -> None:
        # What runs is counted again within a minute.
        self.user.db.rollback()
        self.log.error("The memory of %s is not counted now: %s", self._log_name, problem)

"""One look at all servers: who is asked, warned and stopped."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from jhub_gateway.clients.cull_client import CullClient, RunningServer
from jhub_gateway.clients.server_use import ServerAsker
from jhub_gateway.culler import metrics
from jhub_gateway.culler.runs import Notice, Run, Runs
from jhub_gateway.models import CullVerdict, ServerFacts, ServerUse
from jhub_gateway.policy.cull_words import describe_duration
from jhub_gateway.policy.culling import judge

CLEAR, UNKNOWN = "clear", "unknown"
# The hub takes a megabyte.
_MOST_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Row:
    """What a pass did with a server, or would: to "warn", "clear" or "stop", or it is "unknown"."""

    server: RunningServer
    act: str
    cause: str
    seconds: float
    use: ServerUse | None
    busy: str


@dataclass
class PassResult:
    """The numbers of a pass, and a row for each server for which it did something."""

    servers: int = 0
    asked: int = 0
    unknown: int = 0
    refused: int = 0
    seconds: float = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def acts(self) -> Counter[str]:
        """How many servers there are for each act."""
        return Counter(row.act for row in self.rows)


class CullPass:
    """One pass. ``slots`` bound how many servers are asked, and stopped, at once.

    With ``is_dry`` it reads alone: nobody is warned, nothing is stopped, and servers keep what they
    show.
    """

    def __init__(
        self,
        api: CullClient,
        asker: ServerAsker,
        runs: Runs,
        slots: asyncio.Semaphore,
        log: logging.Logger,
        is_dry: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._asker = asker
        self._runs = runs
        self._slots = slots
        self._log = log
        self._is_dry = is_dry
        self._clock = clock
        self._result = PassResult()
        self._wanted: list[tuple[RunningServer, Run, Notice | None]] = []

    async def run(self, page_size: int) -> PassResult:
        """Look at all servers. Raises HubUnavailable and HubRefused; what was done stays done."""
        begun = self._clock()
        seen: set[tuple[str, str, str]] = set()
        async for servers in self._api.list_servers(page_size):
            seen.update(server.key_of_run for server in servers)
            self._result.servers += len(servers)
            await _run_all(self._look_at(server) for server in self._choose(servers))
        self._runs.keep_only(seen)
        self._result.unknown = self._runs.count_silent()
        self._result.seconds = self._clock() - begun
        if not self._is_dry:
            for notices in self._make_notices():
                await self._api.post_notices(notices)
            await _run_all(self._tell(*one) for one in self._wanted)
            self._result.seconds = self._clock() - begun
        return self._result

    def _choose(self, servers: Iterable[RunningServer]) -> list[RunningServer]:
        now = self._clock()
        return [one for one in servers if self._runs.take(one, now).is_due(one, now)]

    async def _look_at(self, server: RunningServer) -> None:
        run = self._runs.take(server, self._clock())
        async with self._slots:
            await self._ask(server, run)
            # Nothing is read of others in between: a server is stopped by what it has just said.
            await self._decide(server, run)

    async def _ask(self, server: RunningServer, run: Run) -> None:
        self._result.asked += 1
        answer = await self._asker.ask(
            server.url, server.key, self._make_question(run.told), server.age
        )
        run.hear(answer, self._clock())
        if run.silent_passes:
            self._log.info("The use of %s is not known: %s", server, answer)

    async def _decide(self, server: RunningServer, run: Run) -> None:
        now = self._clock()
        use = run.find_use(server, now)
        verdict = judge(server.policy, _make_facts(server, use))
        run.plan(verdict, now)
        wanted = None
        if verdict.act == "stop":
            await self._stop(server, run, verdict, use)
            return
        if verdict.act == "warn":
            wanted = Notice.make(server, verdict, now)
            self._add_row(server, run, verdict, use)
        elif use is None and server.policy.idle_after is not None and not server.is_exempt:
            # Not known is not idle, and not used either: who was warned stays so.
            self._add_row(server, run, replace(verdict, act=UNKNOWN), use)
            return
        elif server.warned_for is not None:
            self._add_row(server, run, replace(verdict, act=CLEAR), use)
        self._wanted.append((server, run, wanted))

    async def _stop(
        self, server: RunningServer, run: Run, verdict: CullVerdict, use: ServerUse | None
    ) -> None:
        detail = describe_use(use, run.busy)
        if not self._is_dry:
            refusal = await self._api.stop(server, verdict.cause, detail)
            self._runs.forget(server)
            if refusal:
                metrics.REFUSED.inc()
                self._result.refused += 1
                self._log.info("%s is not stopped: the hub answered %s", server, refusal)
                return
            metrics.STOPS.labels(cause=verdict.cause).inc()
            self._log.info("Stopped %s (%s: %s)", server, verdict.cause, detail)
        self._add_row(server, run, verdict, use)

    async def _tell(self, server: RunningServer, run: Run, wanted: Notice | None) -> None:
        """Have a server show what is to come, if it shows something else."""
        before = run.told
        run.told = wanted if run.can_tell else None
        if not run.can_tell or wanted is before or (wanted and wanted.is_close_to(before)):
            return
        async with self._slots:
            question = self._make_question(wanted)
            await self._asker.ask(server.url, server.key, question, server.age)

    def _make_question(self, notice: Notice | None) -> dict[str, Any]:
        if self._is_dry:
            return {}  # Without it a server keeps what it shows.
        return {"stop": notice.make_body(self._clock()) if notice else None}

    def _add_row(
        self, server: RunningServer, run: Run, verdict: CullVerdict, use: ServerUse | None
    ) -> None:
        row = Row(server, verdict.act, verdict.cause, verdict.seconds, use, run.busy)
        self._result.rows.append(row)

    def _make_notices(self) -> Iterator[dict[str, Any]]:
        """Yield what the hub is told: one message, but for very many servers at once."""
        result = self._result
        acts = ("warn", CLEAR)
        told = [(row.act, _make_entry(row)) for row in result.rows if row.act in acts]
        for start in range(0, max(len(told), 1), _MOST_ENTRIES):
            part = told[start : start + _MOST_ENTRIES]
            yield {act: [entry for of, entry in part if of == act] for act in acts} | {
                "pass": {
                    "servers": result.servers,
                    "unknown": result.unknown,
                    "seconds": result.seconds,
                }
            }


def describe_use(use: ServerUse | None, busy: str = "") -> str:
    """Return a server's use in words, for operators."""
    if use is None:
        return "its use is not known"
    words = [f"unused for {describe_duration(use.idle_for)}"]
    if use.disconnected_for:
        words.append(f"no page open for {describe_duration(use.disconnected_for)}")
    if use.busy_for is not None:
        words.append(f"{busy or 'something'} busy for {describe_duration(use.busy_for)}")
    return ", ".join(words)


def _make_entry(row: Row) -> dict[str, Any]:
    more = {"seconds": row.seconds, "cause": row.cause} if row.act == "warn" else {}
    return {**row.server.address, **more}


def _make_facts(server: RunningServer, use: ServerUse | None) -> ServerFacts:
    return ServerFacts(
        age=server.age,
        use=use,
        kept_for=server.kept_for,
        granted=server.granted,
        warned_for=server.warned_for,
        is_exempt=server.is_exempt,
    )


async def _run_all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; if one raises, give up the others and raise the same."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None

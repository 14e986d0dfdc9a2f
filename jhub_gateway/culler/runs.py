"""What is remembered of each run of a server: so that few are asked, and seldom.

A server that was used a moment ago can't be due for hours, whatever it does. It is asked again when
it can be, and at each pass while its user is warned.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.cull_client import RunningServer
from jhub_gateway.clients.server_use import Answer, CannotTell, Told
from jhub_gateway.models import CullPolicy, CullVerdict, ServerUse
from jhub_gateway.policy.cull_uses import estimate_use, make_hub_use
from jhub_gateway.policy.cull_words import describe_cause
from jhub_gateway.policy.culling import find_first_look, find_grant

FIRST_PASSES = 5
"""In so many passes a process that begins asks all servers."""

# Who is silent is not idle when that is found, nor at the next pass.
_SILENT_PASSES = 2
# So often at least a silent server is asked, once its use is guessed.
_RETRY_SECONDS = 600
# What a server shows may be so much off.
_CLOSE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """What a server tells its user of its end. ``stops_at`` is by this process's clock."""

    stops_at: float
    cause: str
    why: str
    keep_seconds: float

    @classmethod
    def make(cls, server: RunningServer, verdict: CullVerdict, now: float) -> "Notice":
        """Return what follows from a verdict to warn."""
        policy, cause = server.policy, verdict.cause
        why = describe_cause(policy, cause)
        return cls(now + verdict.seconds, cause, why, find_grant(policy, server.granted))

    def is_close_to(self, other: "Notice | None") -> bool:
        """Whether a user would read the same."""
        return (
            other is not None
            and replace(self, stops_at=other.stops_at) == other
            and abs(self.stops_at - other.stops_at) <= _CLOSE_SECONDS
        )

    def make_body(self, now: float) -> dict[str, Any]:
        """Return it as the server takes it, in seconds from now."""
        return {
            "seconds": max(self.stops_at - now, 0),
            "cause": self.cause,
            "why": self.why,
            "keep_seconds": self.keep_seconds,
        }


class Run:
    """One run of a server, as this process knows it. Times are by its clock."""

    def __init__(self, policy: CullPolicy, next_look: float = -math.inf) -> None:
        self.policy = policy
        self.told: Notice | None = None
        self.can_tell = False
        self.busy = ""
        self.silent_passes = 0
        self._use: ServerUse | None = None
        self._heard_at = 0.0
        self._next_look = next_look

    def is_due(self, server: RunningServer, now: float) -> bool:
        """Whether anything can change for the server at this pass."""
        if server.warned_for is not None or self.told is not None:
            return True
        if server.is_exempt or find_first_look(server.policy, server.age) > 0:
            return False
        return now >= self._next_look

    def hear(self, answer: Answer, now: float) -> None:
        """Take what the server answered."""
        self.can_tell = isinstance(answer, Told)
        if isinstance(answer, Told):
            self._use, self._heard_at, self.busy = answer.use, now, answer.busy
            self.silent_passes = 0
        elif isinstance(answer, CannotTell) and self._use is None:
            self.silent_passes = 0
        else:
            # Also one that could tell before: what it said then is still worth more.
            self.silent_passes += 1

    def find_use(self, server: RunningServer, now: float) -> ServerUse | None:
        """Return how the server is used, as far as that is known; None if it is not."""
        if self.silent_passes > _SILENT_PASSES:
            return estimate_use(self._use, now - self._heard_at, server.idle_for)
        if self.silent_passes:
            return None
        return make_hub_use(server.idle_for) if self._use is None else self._use

    def plan(self, verdict: CullVerdict, now: float) -> None:
        """Note when the server's use can matter again: no sooner than it could be warned of."""
        rest = max(verdict.seconds - self.policy.warn_before, 0)
        if self.silent_passes:
            rest = 0 if self.silent_passes <= _SILENT_PASSES else min(rest, _RETRY_SECONDS)
        self._next_look = now + rest

    def follow(self, policy: CullPolicy) -> None:
        """Take the policy that the server is under now; what was planned by another one is void."""
        if policy != self.policy:
            self.policy, self._next_look = policy, -math.inf


class Runs:
    """What is remembered of all runs.

    A process that begins knows none of them. It asks those that it finds first in some passes,
    ``interval`` seconds apart, but for those whose users are warned: not all at once, then or when
    they are asked again. With an ``interval`` of 0 it asks all of them at the first.
    """

    def __init__(self, interval: float = 0) -> None:
        self._interval = interval
        self._runs: dict[tuple[str, str, str], Run] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def take(self, server: RunningServer, now: float) -> Run:
        """Return the run of the server, a new one if it was not seen yet."""
        run = self._runs.get(server.key_of_run)
        if run is None:
            # The first pass has its share, too.
            wait = self._interval * (FIRST_PASSES * draw_chance() - 1)
            run = self._runs[server.key_of_run] = Run(server.policy, now + wait)
        run.follow(server.policy)
        return run

    def forget(self, server: RunningServer) -> None:
        """Know nothing of it any more."""
        self._runs.pop(server.key_of_run, None)

    def count_silent(self) -> int:
        """Return how many did not answer when they were last asked."""
        return sum(run.silent_passes > 0 for run in self._runs.values())

    def keep_only(self, seen: Collection[tuple[str, str, str]]) -> None:
        """Forget all that the hub lists no more."""
        self._runs = {key: run for key, run in self._runs.items() if key in seen}
        self._interval = 0  # Who comes later began at another time than others.

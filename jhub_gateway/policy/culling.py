"""Which servers are stopped that nobody needs, and when their users are warned. Pure.

Everything is told in durations, each counted by one clock: how far the clocks of the hub, of a
server and of what decides differ, does not matter.
"""

import math

from jhub_gateway.models import CullPolicy, CullVerdict, ServerFacts, ServerUse

_NEVER = math.inf


def judge(policy: CullPolicy, facts: ServerFacts) -> CullVerdict:
    """Return what becomes of the server now.

    It is stopped once it is due and its user was warned for ``warn_before``; nobody is stopped
    without that warning, whatever the server's age. Where its use is not known it counts as used.
    """
    cause, due = find_due(policy, facts)
    if due > policy.warn_before:
        return CullVerdict("keep", cause, due)
    left = max(due, policy.warn_before - (facts.warned_for or 0))
    if facts.warned_for is None or left > 0:
        return CullVerdict("warn", cause, left)
    return CullVerdict("stop", cause, 0)


def find_due(policy: CullPolicy, facts: ServerFacts) -> tuple[str, float]:
    """Return why and in how many seconds the server is due if nothing changes; below 0 it was."""
    if facts.is_exempt:
        return "", _NEVER
    rest = _find_rest_of_use(policy, facts.use)
    age = _NEVER if policy.max_age is None else policy.max_age - facts.age
    cause, due = min(rest, ("age", age), key=lambda one: one[1])
    due = max(due, _find_kept(policy, facts))
    return ("", _NEVER) if due == _NEVER else (cause, due)


def find_first_look(policy: CullPolicy, age: float) -> float:
    """Return in how many seconds a server's use can matter first, if it began ``age`` ago.

    Until then it is not worth asking for. Infinite if it never matters.
    """
    limits = [limit for limit in (policy.idle_after, policy.max_age) if limit is not None]
    return max(min(limits, default=_NEVER) - policy.warn_before - age, 0)


def find_grant(policy: CullPolicy, granted: float) -> float:
    """Return how many seconds one more click adds to those ``granted`` in this run already."""
    return max(min(policy.keep_alive_step, policy.keep_alive_max - granted), 0)


def add_elapsed(use: ServerUse, seconds: float) -> ServerUse:
    """Return what is known ``seconds`` later if nothing was heard: what was busy still is."""
    return ServerUse(
        use.idle_for + seconds,
        use.disconnected_for + seconds if use.disconnected_for else 0,
        None if use.busy_for is None else use.busy_for + seconds,
    )


def _find_rest_of_use(policy: CullPolicy, use: ServerUse | None) -> tuple[str, float]:
    if policy.idle_after is None:
        return "", _NEVER
    if use is None:
        return "idle", policy.idle_after
    cause, idle_for = _find_idle(policy, use)
    rest = policy.idle_after - idle_for
    if use.disconnected_for:
        rest = max(rest, policy.grace_after_disconnect - use.disconnected_for)
    return cause, rest


def _find_idle(policy: CullPolicy, use: ServerUse) -> tuple[str, float]:
    """Return for how long the server counts as unused, and what to call that."""
    if use.busy_for is None or not policy.busy_counts_as_active:
        return "idle", use.idle_for
    if policy.busy_max is None or use.busy_for <= policy.busy_max:
        return "idle", 0
    # From then on it counts no more.
    over = use.busy_for - policy.busy_max
    return "busy", min(use.idle_for, over)


def _find_kept(policy: CullPolicy, facts: ServerFacts) -> float:
    """Return for how much longer the user may keep it: their click, within the cap."""
    if facts.kept_for <= 0:
        return -_NEVER
    # What is left when a user is warned is theirs as well.
    kept = min(facts.kept_for, policy.warn_before + policy.keep_alive_max)
    if policy.max_age is None:
        return kept
    return min(kept, policy.max_age + policy.keep_alive_max - facts.age)

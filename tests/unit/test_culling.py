"""Which servers are stopped and when: by example, and by what must hold for all."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jhub_gateway.models import CullPolicy, CullVerdict, ServerFacts, ServerUse
from jhub_gateway.policy.culling import add_elapsed, find_due, find_first_look, find_grant, judge

HOUR = 3600
POLICY = CullPolicy(
    idle_after=3 * HOUR,
    grace_after_disconnect=600,
    max_age=48 * HOUR,
    warn_before=1800,
    keep_alive_step=4 * HOUR,
    keep_alive_max=10 * HOUR,
    busy_max=24 * HOUR,
)
FRESH = ServerFacts(age=5 * HOUR, use=ServerUse(0))


def judge_use(policy: CullPolicy = POLICY, warned_for: float | None = None, **use: float):
    return judge(policy, replace(FRESH, use=ServerUse(**use), warned_for=warned_for))


def test_a_server_in_use_is_kept():
    assert judge_use(idle_for=0) == CullVerdict("keep", "idle", 3 * HOUR)


def test_an_idle_server_is_warned_of_and_then_stopped():
    assert judge_use(idle_for=2.4 * HOUR).act == "keep"
    assert judge_use(idle_for=2.5 * HOUR) == CullVerdict("warn", "idle", 1800)
    assert judge_use(idle_for=2.9 * HOUR, warned_for=1440) == CullVerdict("warn", "idle", 360)
    assert judge_use(idle_for=3 * HOUR, warned_for=1800) == CullVerdict("stop", "idle", 0)


def test_an_open_page_without_use_does_not_keep_a_server():
    assert judge_use(idle_for=3 * HOUR, disconnected_for=0, warned_for=1800).act == "stop"


def test_nobody_is_stopped_unwarned_however_late_it_is():
    assert judge_use(idle_for=90 * HOUR) == CullVerdict("warn", "idle", 1800)
    assert judge_use(idle_for=90 * HOUR, warned_for=1799) == CullVerdict("warn", "idle", 1)


def test_who_was_disconnected_a_moment_ago_has_the_grace():
    assert judge_use(idle_for=3 * HOUR, disconnected_for=60, warned_for=1800) == CullVerdict(
        "warn", "idle", 540
    )


def test_a_busy_server_is_kept_until_what_runs_in_it_counts_no_more():
    busy = {"idle_for": 30.0 * HOUR, "warned_for": 1800.0}
    assert judge_use(busy_for=0, **busy).act == "keep"
    assert judge_use(busy_for=24 * HOUR, **busy).act == "keep"
    assert judge_use(busy_for=26.9 * HOUR, **busy).act == "warn"
    assert judge_use(busy_for=27 * HOUR, **busy) == CullVerdict("stop", "busy", 0)
    assert judge_use(replace(POLICY, busy_max=None), busy_for=900 * HOUR, **busy).act == "keep"


def test_what_runs_need_not_count_at_all():
    policy = replace(POLICY, busy_counts_as_active=False)
    assert judge_use(policy, idle_for=3 * HOUR, busy_for=10, warned_for=1800).act == "stop"


def test_a_server_ends_at_its_greatest_age_whatever_it_does():
    old = replace(FRESH, age=47.6 * HOUR, use=ServerUse(0, busy_for=5))
    assert judge(POLICY, old) == CullVerdict("warn", "age", pytest.approx(0.4 * HOUR + 360))
    assert judge(POLICY, replace(old, age=48 * HOUR, warned_for=1800)).act == "stop"


def test_unknown_is_not_idle():
    assert judge(POLICY, replace(FRESH, use=None, warned_for=1800)).act == "keep"
    assert judge(POLICY, replace(FRESH, age=48 * HOUR, use=None, warned_for=1800)).act == "stop"


def test_who_keeps_a_server_has_it_for_as_long_as_was_granted_and_no_longer():
    idle = replace(FRESH, use=ServerUse(3 * HOUR), granted=4 * HOUR)
    assert judge(POLICY, replace(idle, kept_for=4 * HOUR)).act == "keep"
    assert judge(POLICY, replace(idle, kept_for=1, warned_for=1800)).act == "warn"
    assert judge(POLICY, replace(idle, kept_for=0, warned_for=1800)).act == "stop"
    forged = replace(idle, kept_for=1000 * HOUR)
    assert find_due(POLICY, forged) == ("idle", 10.5 * HOUR)
    assert find_due(POLICY, replace(forged, age=57 * HOUR)) == ("age", HOUR)


def test_each_click_grants_a_step_until_the_cap():
    granted = [0.0]
    while grant := find_grant(POLICY, granted[-1]):
        granted.append(granted[-1] + grant)
    assert granted == [0, 4 * HOUR, 8 * HOUR, 10 * HOUR]
    assert find_grant(POLICY, 11 * HOUR) == 0


def test_groups_that_are_exempt_are_left():
    old = replace(FRESH, age=900 * HOUR, use=ServerUse(900 * HOUR), warned_for=HOUR)
    assert judge(POLICY, replace(old, is_exempt=True)) == CullVerdict("keep", "", math.inf)


def test_without_limits_nothing_is_stopped():
    policy = replace(POLICY, idle_after=None, max_age=None)
    old = replace(FRESH, age=900 * HOUR, use=ServerUse(900 * HOUR), warned_for=HOUR)
    assert judge(policy, old) == CullVerdict("keep", "", math.inf)
    assert find_first_look(policy, 0) == math.inf


times = st.floats(0, 30 * 86400).map(round)
policies = st.builds(
    CullPolicy,
    idle_after=st.none() | st.integers(60, 86400),
    grace_after_disconnect=st.integers(0, 7200),
    max_age=st.none() | st.integers(60, 10 * 86400),
    warn_before=st.integers(0, 59),
    keep_alive_step=st.integers(0, 86400),
    keep_alive_max=st.integers(0, 2 * 86400),
    busy_counts_as_active=st.booleans(),
    busy_max=st.none() | st.integers(0, 5 * 86400),
)
uses = st.builds(
    ServerUse, idle_for=times, disconnected_for=times | st.just(0), busy_for=st.none() | times
)
facts = st.builds(
    ServerFacts,
    age=times,
    use=st.none() | uses,
    kept_for=st.just(0) | times,
    granted=times,
    warned_for=st.none() | times,
)
ORDER = ("keep", "warn", "stop")


def pass_time(one: ServerFacts, seconds: float) -> ServerFacts:
    return replace(
        one,
        age=one.age + seconds,
        use=one.use and add_elapsed(one.use, seconds),
        kept_for=max(one.kept_for - seconds, 0),
        warned_for=None if one.warned_for is None else one.warned_for + seconds,
    )


@given(policies, facts, st.floats(0, 0.999), st.booleans())
def test_a_server_in_use_inside_its_limits_is_never_stopped(policy, one, share, is_busy):
    policy = replace(policy, busy_counts_as_active=True)
    if is_busy:
        use = ServerUse(one.age, one.age, share * (policy.busy_max or one.age))
    else:
        use = ServerUse(share * (policy.idle_after or one.age))
    within = replace(one, age=share * (policy.max_age or one.age), use=use)
    assert judge(policy, within).act != "stop"


@given(policies, facts, st.integers(60, 10 * 86400))
def test_past_the_maximum_and_all_that_was_kept_a_warned_server_is_always_stopped(policy, one, age):
    policy = replace(policy, max_age=age)
    late = replace(
        one,
        age=one.age + age + policy.keep_alive_max,
        warned_for=policy.warn_before + (one.warned_for or 0),
    )
    assert judge(policy, late).act == "stop"


@given(policies, facts, times)
def test_time_alone_never_takes_a_verdict_back(policy, one, seconds):
    before, after = judge(policy, one), judge(policy, pass_time(one, seconds))
    assert ORDER.index(after.act) >= ORDER.index(before.act)


@given(st.integers(60, 86400), st.integers(1, 59), st.floats(0, 1), st.floats(0, 1))
def test_a_warned_server_is_stopped_when_it_was_told_and_not_before(limit, warn, share, part):
    policy = CullPolicy(idle_after=limit, warn_before=warn)
    # Idle for too long already, or about to be.
    one = ServerFacts(age=2 * limit, use=ServerUse(limit - warn * share + part), warned_for=0)
    verdict = judge(policy, one)
    assert verdict.act == "warn"
    assert judge(policy, pass_time(one, verdict.seconds + 0.001)).act == "stop"
    assert judge(policy, pass_time(one, verdict.seconds * part * 0.999)).act == "warn"


@given(policies, facts)
def test_before_the_first_look_no_use_could_matter(policy, one):
    rest = find_first_look(policy, one.age)
    assume(rest > 0)
    # The worst there can be: nothing has happened since the start.
    unused = replace(one, use=ServerUse(one.age, one.age), kept_for=0)
    assert judge(policy, unused).act == "keep"


@given(policies, facts, st.integers(-300, 300))
def test_clocks_that_differ_by_five_minutes_change_nothing(policy, one, seconds):
    """Facts are made of moments by the clock of who tells them; only their differences count."""

    def tell(clock: float) -> ServerFacts:
        now = clock + 10**9
        began, used = now - one.age, now - (one.use.idle_for if one.use else 0)
        use = one.use and replace(one.use, idle_for=now - used)
        return replace(one, age=now - began, use=use)

    assert judge(policy, tell(0)) == judge(policy, tell(seconds))

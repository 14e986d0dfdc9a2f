"""How much longer a user may keep a server, and that the decision on it agrees."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.models import CullPolicy, ServerFacts, ServerUse
from jhub_gateway.policy.cull_keeping import Keeping, find_keeping
from jhub_gateway.policy.culling import judge

POLICY = CullPolicy(idle_after=3600, warn_before=60, keep_alive_step=7200, keep_alive_max=10800)


def test_a_click_adds_one_step_to_what_is_left() -> None:
    assert find_keeping(POLICY, age=9000, rest=50, granted=0) == Keeping(7250, 7200, 3600)


def test_a_click_adds_what_the_button_says_even_where_it_is_all_there_is() -> None:
    policy = CullPolicy(warn_before=1800, keep_alive_step=14400, keep_alive_max=14400)
    assert find_keeping(policy, 3 * 3600, 1800, 0) == Keeping(1800 + 14400, 14400, 0)
    oldest = CullPolicy(
        idle_after=None, max_age=90, warn_before=60, keep_alive_step=20, keep_alive_max=20
    )
    assert find_keeping(oldest, 33, 57, 0) == Keeping(77, 20, 0)


def test_the_last_click_adds_what_is_left_of_the_cap() -> None:
    assert find_keeping(POLICY, age=20000, rest=50, granted=7200) == Keeping(3650, 10800, 0)
    assert find_keeping(POLICY, age=30000, rest=50, granted=10800) is None


@pytest.mark.parametrize("key", ["keep_alive_max", "keep_alive_step"])
def test_where_nothing_may_be_added_nothing_is(key) -> None:
    assert find_keeping(replace(POLICY, **{key: 0}), age=9000, rest=50, granted=0) is None


def test_past_its_longest_age_no_click_adds_more_than_the_cap() -> None:
    policy = replace(POLICY, max_age=86400)
    assert find_keeping(policy, age=86350, rest=50, granted=0) == Keeping(7250, 7200, 3600)
    # The warning came late: the age counts all the same.
    late = find_keeping(policy, age=86400 + 10000, rest=50, granted=0)
    assert late is not None
    assert late.seconds == 800
    assert find_keeping(policy, age=86400 + 10800, rest=0, granted=0) is None


# Whole ones: a sum of others may be off by its last digit.
seconds = st.integers(0, 10**6)


@given(
    st.builds(
        CullPolicy,
        idle_after=st.none() | st.integers(1, 10**6),
        max_age=st.none() | st.integers(1, 10**6),
        warn_before=st.just(0),
        keep_alive_step=seconds,
        keep_alive_max=seconds,
    ),
    seconds,
    seconds,
    seconds,
    seconds,
)
def test_what_was_promised_is_kept(policy, age, rest, granted, idle_for) -> None:
    keeping = find_keeping(policy, age, rest, granted)
    if keeping is None:
        return
    assert rest < keeping.seconds <= rest + policy.keep_alive_step
    assert granted < keeping.granted <= policy.keep_alive_max
    assert 0 <= keeping.more <= policy.keep_alive_step
    for share in (0, 0.5, 0.99):
        passed = keeping.seconds * share
        facts = ServerFacts(
            age + passed,
            ServerUse(idle_for + passed),
            kept_for=keeping.seconds - passed,
            granted=keeping.granted,
            warned_for=0,
        )
        assert judge(policy, facts).act != "stop"

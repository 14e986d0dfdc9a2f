"""When a token is renewed, told to be late, and asked for again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.refresh import (
    EARLIEST,
    FIRST_RETRY,
    LATE,
    LATEST,
    LONGEST_RETRY,
    NODE_DELAY,
    find_due,
    find_late,
    find_retry,
    is_short,
)

times = st.floats(0, 4e9)
lifetimes = st.floats(1, 1e8)
chances = st.floats(0, 1)


@given(times, lifetimes, chances)
def test_a_token_is_due_in_the_middle_of_its_life(asked, lifetime, chance):
    due = find_due(asked, asked + lifetime, chance)
    assert asked + lifetime * EARLIEST <= due + 1e-3
    assert due <= asked + lifetime * LATEST + 1e-3
    assert due < find_late(asked, asked + lifetime)


def test_users_who_logged_in_together_are_spread():
    assert [find_due(1000, 1300, chance) for chance in (0, 0.5, 1)] == [1150, 1165, 1180]


@given(times, times, chances)
def test_a_token_that_ended_before_it_began_is_due_at_once(asked, expires, chance):
    assert find_due(asked, expires, chance) >= asked
    if expires <= asked:
        assert find_due(asked, expires, chance) == asked


def test_late():
    assert find_late(1000, 1300) == 1000 + 300 * LATE
    assert find_late(None, 1300) is None
    assert find_late(1000, None) is None


@given(st.integers(1, 10**6), chances)
def test_a_wait_is_bounded(failures, chance):
    assert FIRST_RETRY / 2 <= find_retry(failures, chance) <= LONGEST_RETRY


@given(st.integers(1, 100), chances)
def test_a_wait_grows(failures, chance):
    assert find_retry(failures, chance) <= find_retry(failures + 1, chance)


def test_waits():
    waits = [find_retry(failures, 0) for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert find_retry(7, 1) == 30


@pytest.mark.parametrize(("lifetime", "short"), [(60, True), (224, True), (226, False)])
def test_a_lifetime_shorter_than_a_nodes_delay(lifetime, short):
    assert is_short(1000, 1000 + lifetime, NODE_DELAY) is short
    assert not is_short(1000, 1000 + lifetime, 0)

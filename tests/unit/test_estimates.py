"""How long a start is likely to take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.estimates import RecentStarts, describe_seconds, describe_wait


def remember(*seconds: float) -> float | None:
    starts = RecentStarts()
    for one in seconds:
        starts.add("small", one)
    return starts.estimate("small")


def test_nothing_is_said_with_too_few_starts_to_go_by():
    assert [remember(), remember(1), remember(1, 2)] == [None, None, None]
    assert remember(1, 2, 3) == 3


def test_nine_of_ten_starts_took_no_longer():
    assert remember(*range(1, 11)) == 9
    assert remember(*range(20, 0, -1)) == 18
    assert remember(*[5] * 19, 300) == 5


def test_half_of_the_starts_took_no_longer_than_the_middle_one():
    starts = RecentStarts()
    for seconds in (300, 10, 12):
        starts.add("small", seconds)
    assert (starts.find_middle("small"), starts.find_middle("large")) == (12, None)


def test_what_happens_seldom_is_told_of_once_it_has_happened():
    starts = RecentStarts(fewest=1)
    starts.add("small", 300)
    assert (starts.find_middle("small"), starts.estimate("small")) == (300, 300)


def test_only_the_last_twenty_count():
    assert remember(*[300] * 20, *[5] * 20) == 5


def test_profiles_are_told_apart_and_the_longest_unused_is_forgotten():
    starts = RecentStarts()
    for number in range(3):
        starts.add("large", number)
        starts.add("small", 10 * number)
    assert (starts.estimate("large"), starts.estimate("small")) == (2, 20)
    for number in range(499):
        starts.add(f"profile-{number}", 1)
        starts.add("small", 5)
    assert starts.estimate("large") is None
    assert starts.estimate("small") == 5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds"):
        RecentStarts().add("small", seconds)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=50))
def test_an_estimate_is_a_time_that_a_recent_start_took(seconds):
    recent = seconds[-20:]
    estimate = remember(*seconds)
    assert estimate in recent
    assert sum(one <= estimate for one in recent) >= 0.9 * len(recent)


@pytest.mark.parametrize(
    ("wait", "sentence"),
    [
        ((0.2, None), "Waiting for 1 second."),
        (
            (12, 40),
            "Waiting for 12 seconds. Most recent starts of this size took up to 40 seconds.",
        ),
        (
            (100, 40),
            "Waiting for 2 minutes. This takes longer than most recent starts of this size: 40 "
            "seconds.",
        ),
    ],
)
def test_a_wait_is_told_with_what_is_usual(wait, sentence):
    assert describe_wait(*wait) == sentence


def test_times_are_told_as_people_do():
    assert [describe_seconds(one) for one in (0, 1, 1.1, 89, 90, 121)] == [
        "1 second",
        "1 second",
        "2 seconds",
        "89 seconds",
        "2 minutes",
        "3 minutes",
    ]

"""Hours of memory in a window that moves on."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.models import MemoryBudget, MemorySpan
from jhub_gateway.policy.memory_hours import count_hours, find_reset, find_window

GIB = 1024**3
HOUR, DAY = 3600, 86400
NOW = 1_800_000_000

spans = st.lists(
    st.builds(
        lambda memory, began, length: MemorySpan(memory, began, began + length),
        st.integers(1, 512 * GIB),
        st.integers(NOW - 60 * DAY, NOW + DAY),
        st.integers(0, 20 * DAY),
    ),
    max_size=20,
)
budgets = st.builds(MemoryBudget, st.floats(0.01, 1e6), st.floats(0.01, 60))


def make_span(gib: int, hours_ago: float, hours: float) -> MemorySpan:
    began = int(NOW - hours_ago * HOUR)
    return MemorySpan(gib * GIB, began, began + int(hours * HOUR))


@pytest.mark.parametrize(
    ("found", "days", "hours"),
    [
        ([], 1, 0),
        ([make_span(4, 2, 2)], 1, 8),
        ([make_span(4, 2, 2), make_span(1, 2, 2)], 1, 10),
        # Only what is in the window counts, to the second of its edge.
        ([make_span(4, 25, 2)], 1, 4),
        ([make_span(4, 26, 2)], 1, 0),
        ([make_span(4, 48, 48)], 1, 96),
        ([make_span(4, 5, 0)], 1, 0),
        # A clock that was set back: what is in the future counts.
        ([make_span(4, -1, 1)], 1, 4),
    ],
)
def test_hours_are_memory_times_time_in_the_window(found, days, hours):
    assert count_hours(found, find_window(MemoryBudget(1, days), NOW)) == hours


@given(spans, st.integers(NOW - 90 * DAY, NOW + 30 * DAY), st.integers(0, 90 * DAY))
def test_less_and_less_counts_and_never_below_zero(found, since, later):
    assert count_hours(found, since) >= count_hours(found, since + later) >= 0


@given(spans, st.integers(NOW - 90 * DAY, NOW + 30 * DAY), st.data())
def test_a_run_that_is_cut_in_two_counts_the_same(found, since, data):
    parts = []
    for span in found:
        middle = data.draw(st.integers(span.began, span.until))
        parts += [
            MemorySpan(span.memory, span.began, middle),
            MemorySpan(span.memory, middle, span.until),
        ]
    assert count_hours(parts, since) == count_hours(found, since)


@given(spans, budgets)
def test_the_reset_is_the_first_second_with_something_left(found, budget):
    reset = find_reset(found, budget, NOW)
    assert count_hours(found, find_window(budget, reset)) < budget.hours
    assert reset >= NOW
    if reset > NOW:
        assert count_hours(found, find_window(budget, reset - 1)) >= budget.hours


@given(spans, budgets, st.integers(0, DAY))
def test_who_waits_until_the_reset_sees_it_stay_where_it_was(found, budget, waited):
    reset = find_reset(found, budget, NOW)
    assert find_reset(found, budget, NOW + waited) == max(reset, NOW + waited)


def test_at_the_budget_exactly_nothing_is_left_and_a_second_later_there_is():
    budget = MemoryBudget(8, 1)
    assert find_reset([make_span(4, 2, 2)], budget, NOW) == NOW + 22 * HOUR + 1


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_day_of_daylight_saving_is_neither_longer_nor_shorter(day):
    zone = ZoneInfo("Europe/Berlin")
    began, until = (
        int(datetime.fromisoformat(f"{day}T{hour}:00").replace(tzinfo=zone).timestamp())
        for hour in ("01", "05")
    )
    real = (until - began) / HOUR
    assert real in (3, 5)
    assert count_hours([MemorySpan(GIB, began, until)], began) == real

"""Budgets of memory hours: what is read, and which one is charged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryBudget, MemorySpan
from jhub_gateway.policy.budgets import (
    choose_state,
    find_budgets,
    find_smallest,
    make_account,
    make_state,
    parse_budgets,
)
from jhub_gateway.policy.profiles import parse_profiles

GIB, HOUR, DAY = 1024**3, 3600, 86400
NOW = 1_800_000_000
COURSE = MemoryBudget(100, 7, "course")
LAB = MemoryBudget(10, 30, "lab")
EACH = MemoryBudget(20)
ALL = (COURSE, LAB, EACH)


def make_used(budget: MemoryBudget, hours: float, hours_ago: int = 100):
    began = NOW - hours_ago * HOUR
    span = MemorySpan(GIB, began, began + int(hours * HOUR))
    return make_state(budget, make_account(budget, "ada"), [span], NOW)


def test_an_operators_entries_are_read_in_their_order():
    entries = [
        {"group": "course", "hours": 100, "days": 7},
        {"group": "lab", "hours": 10.0},
        {"hours": 20},
    ]
    assert parse_budgets(entries) == ALL
    assert parse_budgets([]) == ()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{}], "group_memory_hours: entry 1 has no 'hours'"),
        ([{"hours": "many"}], "budget 'many': hours: 'many' must be a number of GiB-hours"),
        ([{"hours": 0}], "hours: 0 must be a number of GiB-hours above 0"),
        ([{"hours": -1}], "hours: -1 must"),
        ([{"hours": True}], "hours: True must"),
        ([{"hours": float("nan")}], "hours: nan must"),
        ([{"hours": float("inf")}], "hours: inf must"),
        ([{"hours": 1, "days": 0}], "days: 0 must be a number of days above 0, 366 at most"),
        ([{"hours": 1, "days": 367}], "days: 367 must"),
        ([{"hours": 1, "group": ""}], "group: '' is no text"),
        ([{"hours": 1, "groups": ["a"]}], "unknown key 'groups' (did you mean 'group'?)"),
        ([{"hours": 1}, {"hours": 2}], "another budget is for each user already"),
        (
            [{"group": "a", "hours": 1}, {"group": "a", "hours": 2, "days": 1}],
            "another budget is for the group 'a' already",
        ),
        (["course"], "entry 1 is 'course'"),
    ],
)
def test_a_wrong_entry_is_named(entries, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_budgets(entries)
    assert said in str(raised.value)
    assert raised.value.path[0] == "group_memory_hours"


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (["course"], (COURSE,)),
        (["lab", "course", "other"], (COURSE, LAB)),
        # Names are compared exactly.
        (["/course", "Lab"], (EACH,)),
        ([], (EACH,)),
    ],
)
def test_a_users_own_budget_is_for_who_is_in_no_group_with_one(groups, found):
    assert find_budgets(ALL, groups) == found


def test_who_has_no_budget_has_no_limit():
    assert find_budgets((COURSE,), ["lab"]) == ()
    assert choose_state([]) is None


def test_no_users_name_is_taken_for_a_groups():
    accounts = {
        make_account(MemoryBudget(1, 1, group), user)
        for group, user in ((None, "course"), ("course", "ada"), ("user:course", "ada"))
    }
    assert len(accounts) == 3


def test_the_first_with_hours_left_is_charged():
    assert choose_state([make_used(COURSE, 99), make_used(LAB, 0)]).budget == COURSE
    assert choose_state([make_used(COURSE, 100), make_used(LAB, 9)]).budget == LAB


def test_where_nothing_is_left_the_first_that_gets_some_back_is_charged():
    state = choose_state([make_used(COURSE, 100), make_used(LAB, 10)])
    assert (state.budget, state.is_used_up, state.left) == (COURSE, True, 0)


@given(st.floats(0, 300))
def test_what_is_left_is_never_less_than_nothing(hours):
    state = make_used(COURSE, hours)
    assert state.left >= 0
    assert state.is_used_up == (state.used >= COURSE.hours)
    assert state.is_used_up == (state.left == 0)


def test_the_smallest_are_all_with_the_least_memory():
    profiles = parse_profiles(
        [
            {"slug": slug, "display_name": slug, "memory": memory}
            for slug, memory in (("large", "8G"), ("small", "1G"), ("other-small", "1G"))
        ]
    )
    assert [one.slug for one in find_smallest(profiles)] == ["small", "other-small"]
    assert find_smallest(()) == ()

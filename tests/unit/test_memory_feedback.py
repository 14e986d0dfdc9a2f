"""What a user is told of the memory that they used, and operators of all users'."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.models import MemorySession
from jhub_gateway.policy.memory_feedback import find_feedback
from jhub_gateway.policy.memory_peaks import bound_peak, read_peak
from jhub_gateway.policy.memory_summary import find_percentile, summarise
from jhub_gateway.policy.profiles import parse_profiles

GIB, HOUR = 1024**3, 3600
PROFILES = parse_profiles(
    [
        {"slug": "small", "display_name": "Small", "memory": "4G"},
        {"slug": "medium", "display_name": "Medium", "memory": "8G"},
        {"slug": "large", "display_name": "Large", "memory": "16G"},
        {"slug": "huge", "display_name": "Huge", "memory": "64G", "allowed_groups": ["big"]},
    ]
)


def make_sessions(*peaks: float | None, profile: str = "large", gib: int = 16):
    return [
        MemorySession("ada", profile, gib * GIB, 0, HOUR, None if peak is None else int(peak * GIB))
        for peak in peaks
    ]


@pytest.mark.parametrize(
    ("peaks", "slug"),
    [
        ([3, 2, 1], "small"),
        ([3.2, 2, 1], "small"),
        # With less than a quarter to spare the next one is meant.
        ([3.3, 2, 1], "medium"),
        ([1, 1, 1, 1, 6], "medium"),
        ([1, 1, 7], None),
        ([10, 12, 14], None),
        # One session that needed more is enough to say nothing; that of long ago is not.
        ([1, 1, 1, 1, 15], None),
        ([1, 1, 1, 1, 1, 15], "small"),
        # Too few to go by.
        ([1, 1], None),
        ([], None),
        ([1, None, 1, 1], None),
    ],
)
def test_a_smaller_size_is_named_where_each_session_would_have_fitted(peaks, slug):
    found = find_feedback(PROFILES, [], make_sessions(*peaks))
    assert (found.profile.slug if found else None) == slug
    if found:
        assert not found.is_larger
        assert found.peak == int(max(peaks[:5]) * GIB)


def test_a_larger_size_is_named_where_each_session_was_at_its_limit():
    sessions = make_sessions(16, 15.5, 16)
    found = find_feedback(PROFILES, ["big"], sessions)
    assert (found.profile.slug, found.is_larger) == ("huge", True)
    # Nothing larger is open to who is in no such group.
    assert find_feedback(PROFILES, [], sessions) is None


def test_a_profile_that_was_changed_or_is_gone_says_nothing():
    assert find_feedback(PROFILES, [], make_sessions(1, 1, 1, gib=12)) is None
    assert find_feedback(PROFILES, [], make_sessions(1, 1, 1, profile="gone")) is None


@given(st.lists(st.floats(0.01, 16), max_size=8))
def test_no_size_is_named_that_a_session_would_not_have_fitted(peaks):
    found = find_feedback(PROFILES, [], make_sessions(*peaks))
    if found:
        assert all(peak * GIB * 1.25 <= found.profile.memory + 2 for peak in peaks[:5])


@pytest.mark.parametrize(
    "said", [None, "3", -1, 0, 1.5, True, [], {}, 2**63, 10**400, float("nan")]
)
def test_what_no_server_of_ours_says_is_not_known(said):
    assert read_peak({"memory_peak": said}) is None


def test_no_server_used_more_than_it_had():
    assert read_peak({"memory_peak": 3}) == 3
    assert read_peak({}) is None
    assert (bound_peak(3, 2), bound_peak(1, 2), bound_peak(None, 2)) == (2, 1, None)


@given(st.lists(st.integers(1, 100), min_size=1))
def test_percentiles_are_values_in_their_order(values):
    ordered = sorted(values)
    median, p95, most = (find_percentile(ordered, percent) for percent in (50, 95, 100))
    assert median <= p95 <= most == ordered[-1]
    assert {median, p95} <= set(values)
    assert 2 * sum(value <= median for value in values) >= len(values)


def test_percentiles_of_nothing_are_none():
    assert find_percentile([], 50) is None


def test_operators_see_each_profile_and_no_users_unless_they_ask():
    sessions = [*make_sessions(1, 3, None), *make_sessions(2, profile="small", gib=4)]
    small, large = summarise(sessions, 0)
    assert (small.profile, small.sessions, small.hours, small.user) == ("small", 1, 4, "")
    assert (large.sessions, large.measured, large.hours) == (3, 2, 48)
    assert (large.median, large.p95, large.most) == (GIB, 3 * GIB, 3 * GIB)
    assert {one.user for one in summarise(sessions, 0, by_user=True)} == {"ada"}
    # Of a session that began before, the rest counts.
    assert summarise(sessions, HOUR // 2)[0].hours == 2

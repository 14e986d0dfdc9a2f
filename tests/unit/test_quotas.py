"""How much a home may take, and when it takes too much."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import HomeQuota, Usage
from jhub_gateway.policy.quotas import combine_limits, find_quota, is_full, parse_quotas

GIB = 1024**3
QUOTAS = parse_quotas(
    [
        {"size": "1G"},
        {"size": "5G", "groups": ["/x/staff"]},
        {"size": "3G", "profiles": ["large"]},
        {"size": "9G", "groups": ["/x/staff"], "profiles": ["large"]},
    ]
)


def make_usage(used: int, limit: int | None = None) -> Usage:
    return Usage(used, datetime.now(UTC), limit)


@pytest.mark.parametrize(
    ("groups", "profiles", "size"),
    [
        ([], [], 1),
        (["staff"], ["Large"], 1),
        (["/x/staff"], [], 5),
        ([], ["small", "large"], 3),
        (["/x/staff"], ["large"], 9),
    ],
)
def test_the_largest_that_applies_holds(groups, profiles, size):
    assert find_quota(QUOTAS, groups, profiles) == size * GIB


def test_where_none_applies_there_is_no_limit():
    assert find_quota(QUOTAS[1:], ["staff"], ["small"]) is None
    assert find_quota((), ["/x/staff"], ["large"]) is None


def test_a_size_alone_is_for_everybody():
    assert parse_quotas("20G") == (HomeQuota(20 * GIB),)


@pytest.mark.parametrize("nothing", ["", [], ()])
def test_no_setting_is_no_quota(nothing):
    assert parse_quotas(nothing) == ()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("20 gigs", "home_quota: '20 gigs'"),
        ("0", "home_quota: '0'"),
        ("-1G", "home_quota: '-1G'"),
        (" ", "home_quota: ' '"),
        ([{}], "home_quota: entry 1 has no 'size'"),
        ([{"size": "many"}], "home_quota: size 'many': size: 'many'"),
        ([{"size": "1G", "groups": "x"}], "size '1G': groups: 'x' must be a list"),
        ([{"size": "1G", "profiles": []}], "size '1G': profiles"),
        ([{"size": "1G", "group": ["x"]}], "size '1G' has the unknown key 'group'"),
        ({"size": "1G"}, "home_quota: entry 1 is 'size'"),
    ],
)
def test_a_wrong_setting_is_named(setting, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_quotas(setting)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("quota", "usage", "limit"),
    [
        (None, None, None),
        (10, None, 10),
        (10, make_usage(0), 10),
        (None, make_usage(0, 7), 7),
        (10, make_usage(0, 7), 7),
        (5, make_usage(0, 7), 5),
    ],
)
def test_the_smaller_of_the_hubs_and_the_kernels_limit_holds(quota, usage, limit):
    assert combine_limits(quota, usage) == limit


@pytest.mark.parametrize(
    ("usage", "quota", "full"),
    [
        (None, 10, False),  # nothing is known of it
        (make_usage(10**9), None, False),
        (make_usage(10), 10, False),
        (make_usage(11), 10, True),
        (make_usage(1000, 1000), None, True),
        (make_usage(990, 1000), None, True),  # less than a block is left
        (make_usage(989, 1000), None, False),
        (make_usage(989, 1000), 500, True),
        (make_usage(999, 1000), 10**9, True),
    ],
)
def test_when_a_home_is_full(usage, quota, full):
    assert is_full(usage, quota) is full


sizes = st.integers(1, 10**6)


@given(sizes, st.none() | sizes, st.none() | sizes)
def test_a_home_over_what_the_page_shows_as_its_limit_is_full(used, limit, quota):
    usage = make_usage(used, limit)
    shown = combine_limits(quota, usage)
    if shown is not None and used > shown:
        assert is_full(usage, quota)
    if shown is None or used < shown * 0.99:
        assert not is_full(usage, quota)

"""What all servers of a user may have together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError, TooMuchForUser
from jhub_gateway.models import MemoryProfile, UserMemoryLimit
from jhub_gateway.policy.user_memory import (
    check_user_memory,
    find_user_memory,
    parse_user_memory,
)

GIB = 1024**3


def make_profile(gib: int) -> MemoryProfile:
    return MemoryProfile("large", "Large", gib * GIB, gib * GIB)


def test_a_size_alone_is_for_everybody():
    assert parse_user_memory("32G") == (UserMemoryLimit(32 * GIB),)
    assert parse_user_memory("") == ()


def test_the_largest_that_applies_holds():
    limits = parse_user_memory([{"size": "8G"}, {"size": "64G", "groups": ["staff"]}])
    assert find_user_memory(limits, ["staff"]) == 64 * GIB
    assert find_user_memory(limits, ["/staff"]) == 8 * GIB
    assert find_user_memory(limits[1:], []) is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("much", "max_memory_per_user: 'much' is no amount"),
        ([{"size": "8G", "group": "x"}], "unknown key 'group' (did you mean 'groups'?)"),
        ([{"groups": ["x"]}], "entry 1 has no 'size'"),
    ],
)
def test_a_wrong_setting_is_named(setting, said):
    with pytest.raises(ConfigurationError) as raised:
        parse_user_memory(setting)
    assert said in str(raised.value)


def test_a_refusal_names_what_runs():
    with pytest.raises(TooMuchForUser) as raised:
        check_user_memory(16 * GIB, make_profile(8), {"": 4 * GIB, "genomics": 8 * GIB})
    assert str(raised.value) == (
        "All your servers together may have 16 GB, and Large needs 8 GB beside the server "
        "'genomics' (8 GB) and your default server (4 GB). Stop one of those first, or choose a "
        "smaller size."
    )


def test_a_refusal_of_a_size_that_is_too_large_alone_names_none():
    with pytest.raises(TooMuchForUser, match=r"needs 32 GB\. Choose a smaller size"):
        check_user_memory(16 * GIB, make_profile(32), {"": GIB})


def test_a_refusal_of_many_servers_stays_a_sentence():
    with pytest.raises(TooMuchForUser, match=r"and 15 more\. Stop"):
        check_user_memory(16 * GIB, make_profile(8), {f"s{n}": GIB for n in range(20)})


@given(st.integers(1, 64), st.integers(1, 64), st.lists(st.integers(1, 64), max_size=5))
def test_no_start_goes_beyond_the_limit_and_none_within_is_refused(limit, wanted, running):
    held = {str(place): gib * GIB for place, gib in enumerate(running)}
    try:
        check_user_memory(limit * GIB, make_profile(wanted), held)
    except TooMuchForUser:
        assert wanted + sum(running) > limit
    else:
        assert wanted + sum(running) <= limit
    check_user_memory(None, make_profile(wanted), held)

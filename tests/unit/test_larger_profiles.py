"""Which size is offered to a server that ran out of memory."""

import pytest

from jhub_gateway.policy.larger_profiles import find_larger
from jhub_gateway.policy.profiles import parse_profiles

PROFILES = parse_profiles(
    [
        {"slug": "huge", "display_name": "Huge", "memory": "64G"},
        {"slug": "small", "display_name": "Small", "memory": "2G"},
        {"slug": "closed", "display_name": "Closed", "memory": "4G", "allowed_groups": ["staff"]},
        {"slug": "medium", "display_name": "Medium", "memory": "8G"},
        {"slug": "same", "display_name": "Same", "memory": "8G", "cpu": 8},
    ]
)


@pytest.mark.parametrize(
    ("slug", "groups", "larger"),
    [
        ("small", [], "medium"),
        ("small", ["staff"], "closed"),
        # What the user may have no more can still be too small.
        ("closed", [], "medium"),
        ("medium", [], "huge"),
        ("same", [], "huge"),
        ("huge", [], None),
        ("no-such", [], None),
        ("", [], None),
    ],
)
def test_the_next_larger_one_that_the_user_may_have(slug, groups, larger):
    found = find_larger(PROFILES, groups, slug)
    assert (found.slug if found else None) == larger

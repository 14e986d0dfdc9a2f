"""The nodes that an autoscaler adds, as an operator writes them."""

import pytest

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.autoscaled_nodes import NodePool, find_strange_profiles, parse_pools


def test_pools_are_read():
    entries = [{"labels": {}}, {"labels": {"pool": "b"}, "profiles": ["large"], "max_nodes": 4}]
    assert parse_pools(entries) == (
        NodePool(),
        NodePool({"pool": "b"}, frozenset({"large"}), 4),
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("general", "entry 1 is 'general'"),
        ({}, "has no 'labels'"),
        ({"labels": {"pool": 1}}, "labels: {'pool': 1} must map label names"),
        ({"labels": {}, "profile": ["a"]}, "unknown key 'profile'"),
        ({"labels": {}, "profiles": "small"}, "profiles: 'small' must be a list of slugs"),
        ({"labels": {}, "profiles": []}, "profiles: [] must be a list of slugs"),
        ({"labels": {}, "profiles": ["Not one"]}, "profiles: 'Not one' is no slug"),
        ({"labels": {}, "max_nodes": 0}, "max_nodes: 0 must be a whole number"),
        ({"labels": {}, "max_nodes": True}, "max_nodes: True must be a whole number"),
        ({"labels": {}, "max_nodes": "4"}, "max_nodes: '4' must be a whole number"),
    ],
)
def test_a_wrong_entry_is_named_with_its_key(entry, said):
    with pytest.raises(ConfigurationError, match="autoscaled_nodes: ") as caught:
        parse_pools([entry])
    assert said in str(caught.value)


def test_a_profile_that_is_not_there_is_named():
    entries = [{"labels": {"pool": "a"}, "profiles": ["small", "larg"]}]
    [problem] = find_strange_profiles(entries, ["small", "large"])
    assert "there is no profile 'larg'" in str(problem)
    assert problem.path == ("autoscaled_nodes", 0, "profiles")
    assert not list(find_strange_profiles(entries, ["small", "larg"]))

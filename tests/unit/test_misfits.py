"""What a profile's servers reserve, beside what nodes have."""

from types import SimpleNamespace

import pytest

from jhub_gateway.checks.profiles import find_misfits
from jhub_gateway.models import Node
from jhub_gateway.policy.profiles import parse_profiles

NODE = Node(name="n", labels={}, taints=(), allocatable={"memory": "16Gi", "cpu": "4"})


def find(profile, **settings):
    entry = {"slug": "small", "display_name": "Small", "memory": "2G", **profile}
    spawner = SimpleNamespace(
        profiles=parse_profiles([entry]),
        memory_profiles=[entry],
        cpu_guarantee=None,
        cpu_limit=None,
        node_selector={},
        tolerations=[],
        node_affinity_required=[],
        extra_resource_limits={},
        extra_resource_guarantees={},
    )
    vars(spawner).update(settings)
    site = SimpleNamespace(spawner=spawner, locate=lambda _, path: path)
    return [problem.path for problem in find_misfits(site, [NODE])]


@pytest.mark.parametrize(
    ("profile", "settings", "found"),
    [
        ({"cpu": 4}, {}, []),
        # Kubernetes reserves a limit where nothing says what to reserve.
        ({"cpu": 8}, {}, [("memory_profiles", 0, "cpu")]),
        ({"cpu": 8, "cpu_guarantee": 1}, {}, []),
        ({"cpu": 8}, {"cpu_guarantee": 1}, []),
        ({}, {"cpu_limit": 8}, [("memory_profiles", 0)]),
    ],
)
def test_a_limit_of_cpu_is_reserved_unless_a_guarantee_is_named(profile, settings, found):
    assert find(profile, **settings) == found

"""Whether a pod could ever run on one of the cluster's nodes."""

import pytest

from jhub_gateway.models import Node
from jhub_gateway.policy.node_fit import Needs, find_misfit

GPU = {"key": "gpu", "value": "true", "effect": "NoSchedule"}
GIB = 1024**3


def make_node(name="a", labels=None, taints=(), **allocatable):
    given = {"memory": "16374692Ki", "cpu": "3920m", **allocatable}
    return Node(name, {"zone": name, **(labels or {})}, tuple(taints), given)


SMALL, FAST = make_node(), make_node("b", {"disk": "fast"}, memory="64Gi")
CLOSED = make_node("c", {"disk": "gpu"}, [GPU], **{"nvidia.com/gpu": "2"})
NODES = [SMALL, FAST, CLOSED]


@pytest.mark.parametrize(
    "needs",
    [
        Needs(),
        Needs(memory=64 * GIB),
        Needs(memory=15 * GIB, cpu=3.9, selector={"zone": "a"}),
        Needs(selector={"disk": "gpu"}, tolerations=[{"operator": "Exists"}]),
        Needs(selector={"disk": "gpu"}, tolerations=[{"key": "gpu", "operator": "Exists"}]),
        Needs(selector={"disk": "gpu"}, tolerations=[GPU], resources={"nvidia.com/gpu": 2}),
        Needs(affinity=[{"matchExpressions": [{"key": "disk", "operator": "DoesNotExist"}]}]),
        Needs(
            affinity=[
                {"matchExpressions": [{"key": "no", "operator": "Exists"}]},
                {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["fast"]}]},
            ]
        ),
    ],
)
def test_a_pod_fits(needs):
    assert find_misfit(needs, NODES) is None


@pytest.mark.parametrize(
    ("needs", "key", "said"),
    [
        (Needs(memory=65 * GIB), "memory", "it needs 65 GB, and the largest node"),
        (Needs(memory=16 * GIB, selector={"zone": "a"}), "memory", "has 15.6 GB for pods"),
        (
            Needs(cpu=4),
            "cpu",
            "it needs 4 of cpu, and no node that it may run on has more than 3.9",
        ),
        (Needs(selector={"disk": "slow"}), "node_selector", "has the label disk=slow"),
        (Needs(selector={"disk": "fast", "zone": "a"}), "node_selector", "all labels of its"),
        (Needs(selector={"disk": "gpu"}), "tolerations", "such as gpu=true:NoSchedule"),
        (
            Needs(selector={"disk": "gpu"}, tolerations=[{**GPU, "value": "no"}]),
            "tolerations",
            "such as gpu",
        ),
        (
            Needs(resources={"nvidia.com/gpu": "1"}),
            "nvidia.com/gpu",
            "it needs 1 of nvidia.com/gpu",
        ),
        (
            Needs(affinity=[{"matchExpressions": [{"key": "disk", "operator": "Exists"}, {}]}]),
            "affinity",
            "no node meets the node affinity",
        ),
        (Needs(memory=60 * GIB, resources={"gpu": 1}), "memory", "together"),
    ],
)
def test_a_need_that_no_node_meets_is_named(needs, key, said):
    nodes = [*NODES, make_node("d", gpu="1")]
    found = find_misfit(needs, nodes)
    assert found is not None
    assert found[0] == key
    assert said in found[1]


@pytest.mark.parametrize(
    "taint", ["node.kubernetes.io/unschedulable", "node.kubernetes.io/not-ready"]
)
def test_a_node_that_is_closed_for_the_moment_counts(taint):
    node = make_node(taints=[{"key": taint, "value": "", "effect": "NoSchedule"}])
    assert find_misfit(Needs(), [node]) is None


def test_a_taint_that_closes_nothing_counts_for_nothing():
    assert find_misfit(Needs(), [make_node(taints=[{**GPU, "effect": "PreferNoSchedule"}])]) is None


def test_a_cluster_without_nodes_has_none():
    assert find_misfit(Needs(), []) == ("node_selector", "the cluster has no nodes")

"""What is kept of nodes and pods."""

import pytest

from jhub_gateway.policy.cluster_states import read_node_state, read_pod_load


def make_node(ready="True", **spec):
    conditions = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": "a", "labels": {"zone": "a"}},
        "spec": spec,
        "status": {"conditions": conditions, "allocatable": {"memory": "1Ki", "cpu": "2"}},
    }


def make_pod(node="", owner="", **spec):
    owners = {"ownerReferences": [{"kind": owner}]} if owner else {}
    where = {"nodeName": node} if node else {}
    return {"metadata": {"name": "p", **owners}, "spec": {**where, **spec}}


def test_a_node_is_kept_with_its_labels_taints_and_room():
    state = read_node_state(make_node(taints=[{"key": "gpu", "effect": "NoSchedule"}]))
    assert (state.node.name, state.node.labels) == ("a", {"zone": "a"})
    assert state.node.taints == ({"key": "gpu", "value": "", "effect": "NoSchedule"},)
    assert state.room == {"memory": 1024, "cpu": 2000}
    assert state.is_up


@pytest.mark.parametrize(
    "node",
    [
        make_node(ready="False"),
        make_node(ready="Unknown"),
        make_node(unschedulable=True),
        {"metadata": {"name": "new"}},
    ],
)
def test_a_node_that_is_not_ready_or_cordoned_takes_no_pods(node):
    assert not read_node_state(node).is_up


def test_a_pod_with_a_node_takes_room_there_and_waits_for_nothing():
    load = read_pod_load(make_pod("a"))
    assert (load.node, load.amounts, load.demand) == ("a", {"pods": 1}, None)


@pytest.mark.parametrize(
    "pod",
    [
        make_pod(priority=-10),
        make_pod(owner="DaemonSet"),
        make_pod(schedulingGates=[{"name": "quota"}]),
    ],
)
def test_a_pod_that_takes_nobodys_place_is_ahead_of_nobody(pod):
    assert read_pod_load(pod).demand is None


def test_a_pod_that_waits_says_where_it_may_run():
    terms = [{"matchExpressions": [{"key": "pool", "operator": "Exists"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    lost = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}
    gpu = {"key": "gpu", "operator": "Exists"}
    pod = make_pod(
        nodeSelector={"zone": "a"},
        tolerations=[lost, gpu],
        affinity={"nodeAffinity": required},
    )
    place = read_pod_load(pod).demand.place
    assert (place.selector, list(place.tolerations), list(place.affinity)) == (
        {"zone": "a"},
        [gpu],
        terms,
    )


def test_pods_that_ask_for_the_same_are_of_one_kind():
    one, same = read_pod_load(make_pod()), read_pod_load(make_pod(containers=[]))
    assert one.kind == same.kind
    assert one.kind != read_pod_load(make_pod(nodeSelector={"zone": "a"})).kind

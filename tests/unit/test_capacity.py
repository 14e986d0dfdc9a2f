"""Whether servers find room on nodes beside the pods that are there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.models import Node
from jhub_gateway.policy.autoscaled_nodes import NodePool
from jhub_gateway.policy.capacity import (
    Capacity,
    find_capacities,
    find_machine_capacity,
    make_demand,
)
from jhub_gateway.policy.capacity_words import describe_about, describe_capacity
from jhub_gateway.policy.cluster_states import NodeState, PodLoad
from jhub_gateway.policy.node_fit import Needs

GIB = 1024**3
GPU = {"key": "gpu", "value": "true", "effect": "NoSchedule"}
LOST = {"key": "node.kubernetes.io/unreachable", "value": "", "effect": "NoExecute"}
SMALL, LARGE = Needs(memory=2 * GIB, cpu=0.5), Needs(memory=8 * GIB, cpu=1)


def make_node(name="a", memory=16, cpu=4, pods=110, taints=(), is_up=True, labels=None, **more):
    room = {"memory": memory * GIB, "cpu": cpu * 1000, "pods": pods, **more}
    return NodeState(Node(name, labels or {}, tuple(taints), {}), room, is_up)


def make_load(memory, node="a", cpu=100, **more):
    return PodLoad(node, {"memory": memory * GIB, "cpu": cpu, "pods": 1}, **more)


def make_waiting(needs, kind):
    demand = make_demand(needs)
    return PodLoad("", demand.amounts, kind=kind, demand=demand)


def find(needs, nodes, pods=(), pools=()):
    return find_capacities({"one": make_demand(needs)}, nodes, pods, pools)["one"]


@pytest.mark.parametrize(
    ("needs", "nodes", "pods", "free"),
    [
        (SMALL, [make_node()], [], 8),
        # Each node by itself: what is left of two is not one's.
        (LARGE, [make_node(memory=12), make_node("b", memory=12)], [], 2),
        # Pods of all kinds count, a server as well as the system's.
        (SMALL, [make_node()], [make_load(3), make_load(1)], 6),
        (SMALL, [make_node()], [make_load(3, "elsewhere")], 8),
        (SMALL, [make_node(cpu=2)], [make_load(0, cpu=600)], 2),
        (SMALL, [make_node(pods=3)], [make_load(0), make_load(0)], 1),
        # What only keeps room gives way.
        (LARGE, [make_node()], [make_load(16, gives_way=True)], 2),
        (Needs(memory=GIB, selector={"zone": "b"}), [make_node(labels={"zone": "b"})], [], 16),
        (Needs(memory=GIB, tolerations=[GPU]), [make_node(taints=[GPU])], [], 16),
        (Needs(memory=GIB, resources={"gpu": "1"}), [make_node(gpu=2)], [], 2),
        # Servers of no cpu at all are prepared by something that has some.
        (Needs(memory=GIB), [make_node(cpu=1)], [make_load(0, cpu=985)], 1),
    ],
)
def test_as_many_find_room_as_fit_on_each_node(needs, nodes, pods, free):
    assert find(needs, nodes, pods) == Capacity("free", free)


@pytest.mark.parametrize(
    ("needs", "nodes", "pods"),
    [
        (LARGE, [make_node()], [make_load(9)]),
        (SMALL, [make_node(is_up=False)], []),
        (SMALL, [make_node(taints=[LOST])], []),
        (Needs(memory=GIB, resources={"gpu": "1"}), [make_node(gpu=1)], [make_load(16)]),
    ],
)
def test_where_others_have_it_or_a_node_is_away_there_is_room_later(needs, nodes, pods):
    assert find(needs, nodes, pods) == Capacity("full")


@pytest.mark.parametrize(
    ("needs", "nodes", "pods"),
    [
        (SMALL, [], []),
        (Needs(memory=17 * GIB), [make_node()], []),
        # The node's own pods never go.
        (Needs(memory=16 * GIB), [make_node()], [make_load(1, is_fixed=True)]),
        (Needs(memory=GIB, selector={"zone": "b"}), [make_node()], []),
        (SMALL, [make_node(taints=[GPU])], []),
        (Needs(memory=GIB, resources={"gpu": "1"}), [make_node()], []),
    ],
)
def test_what_no_node_could_take_never_starts(needs, nodes, pods):
    assert find(needs, nodes, pods) == Capacity("never")


def test_who_waits_comes_first_where_the_same_nodes_are_meant():
    nodes = [make_node(labels={"pool": "a"}), make_node("b", labels={"pool": "b"})]
    full = [make_load(15), make_load(15, "b")]
    waiting = [make_waiting(LARGE, "large")] * 3
    elsewhere = [make_waiting(Needs(memory=2 * GIB, selector={"pool": "b"}), "b")]
    never = [make_waiting(Needs(memory=64 * GIB), "never")]
    pods = [*full, *waiting, *elsewhere, *never]
    assert find(LARGE, nodes, pods) == Capacity("full", ahead=4)
    only_a = Needs(memory=8 * GIB, selector={"pool": "a"})
    assert find(only_a, nodes, pods) == Capacity("full", ahead=3)
    # A small one needs not wait for a large one that finds no room.
    assert find(Needs(memory=GIB), nodes, pods) == Capacity("free", 2)


def test_room_that_is_there_for_who_waits_is_theirs():
    waiting = [make_waiting(LARGE, "large")]
    assert find(LARGE, [make_node()], waiting) == Capacity("free", 1)
    assert find(LARGE, [make_node()], waiting * 2) == Capacity("full")
    assert find(LARGE, [make_node()], waiting * 3) == Capacity("full", ahead=1)


FULL = [make_load(16)]
POOL = {"pool": "a"}
CHOOSING = Needs(memory=2 * GIB, selector=POOL)


@pytest.mark.parametrize(
    ("needs", "nodes", "pool", "state"),
    [
        (SMALL, [make_node()], NodePool(), "new-node"),
        # A pool that is at zero.
        (CHOOSING, [], NodePool(POOL), "new-node"),
        (CHOOSING, [make_node()], NodePool(POOL), "new-node"),
        (CHOOSING, [make_node(labels=POOL)], NodePool(POOL), "new-node"),
        (CHOOSING, [make_node(labels=POOL)], NodePool({"pool": "b"}), "full"),
        # New nodes are as those that there are.
        (Needs(memory=17 * GIB), [make_node()], NodePool(), "never"),
        (Needs(memory=17 * GIB), [make_node()], NodePool(profiles=frozenset({"one"})), "new-node"),
        (SMALL, [make_node()], NodePool(profiles=frozenset({"other"})), "full"),
        (SMALL, [make_node()], NodePool(max_nodes=1), "full"),
        (SMALL, [make_node()], NodePool(max_nodes=2), "new-node"),
        (SMALL, [make_node(), make_node("b", taints=[GPU], labels=POOL)], NodePool(POOL), "full"),
    ],
)
def test_a_new_node_is_promised_where_the_autoscaler_adds_one(needs, nodes, pool, state):
    assert find(needs, nodes, FULL, [pool]).state == state


AMOUNTS = st.integers(0, 8)


@given(
    st.lists(st.tuples(st.integers(1, 32), st.integers(1, 8)), min_size=1, max_size=5),
    st.lists(st.tuples(AMOUNTS, st.integers(0, 4)), max_size=12),
    st.integers(1, 8),
)
def test_as_many_more_fit_as_it_says_and_then_none(sizes, taken, memory):
    nodes = [make_node(f"{place}", size, cpu) for place, (size, cpu) in enumerate(sizes)]
    pods = [make_load(amount, f"{place}") for amount, place in taken]
    needs = Needs(memory=memory * GIB, cpu=0.5)
    demand = make_demand(needs)
    before = find(needs, nodes, pods).free
    more = []
    for state in nodes:
        alone = find(needs, [state], pods).free
        more += [PodLoad(state.node.name, demand.amounts)] * alone
    assert len(more) == before
    assert find(needs, nodes, [*pods, *more]).free == 0
    for state in nodes:
        own = [pod.amounts for pod in more if pod.node == state.node.name]
        others = [pod.amounts for pod in pods if pod.node == state.node.name]
        if own:
            for name in ("memory", "cpu", "pods"):
                assert sum(one[name] for one in own + others) <= state.room[name]


@pytest.mark.parametrize(
    ("memory", "left", "capacity"),
    [
        (2 * GIB, 5 * GIB, Capacity("free", 2)),
        (2 * GIB, GIB, Capacity("full")),
        (2 * GIB, -GIB, Capacity("full")),
        (9 * GIB, 8 * GIB, Capacity("never")),
    ],
)
def test_one_machine_has_its_memory_less_what_is_reserved(memory, left, capacity):
    assert find_machine_capacity(memory, 8 * GIB, left) == capacity


@pytest.mark.parametrize(
    ("capacity", "seconds", "node_seconds", "words"),
    [
        (Capacity("free", 3), 18.2, 300, "Ready in about 20 s"),
        (Capacity("free", 3), None, 300, "Free now"),
        (Capacity("new-node"), 18, 290, "A new node is needed: about 5 min"),
        (Capacity("new-node"), 18, None, "A new node is needed: some minutes"),
        (Capacity("full", ahead=3), 18, 290, "No room now: 3 ahead of you"),
        (Capacity("full"), 18, 290, "No room now"),
        (Capacity("never"), 18, 290, "Not available now: choose another size"),
    ],
)
def test_users_read_what_there_is_and_how_long_it_takes(capacity, seconds, node_seconds, words):
    assert describe_capacity(capacity, seconds, node_seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "about 5 s"),
        (12, "about 10 s"),
        (55, "about 55 s"),
        (56, "about 1 min"),
        (75, "about 1 min"),
        (80, "about 2 min"),
        (290, "about 5 min"),
    ],
)
def test_a_wait_is_told_no_more_exactly_than_it_is_known(seconds, words):
    assert describe_about(seconds) == words

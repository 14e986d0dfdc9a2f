"""Whose turn it is among starts that wait for room."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jhub_gateway.models import Node
from jhub_gateway.policy.capacity import Capacity, find_capacities, find_hosts, make_demand
from jhub_gateway.policy.cluster_states import NodeState, PodLoad
from jhub_gateway.policy.node_fit import Needs
from jhub_gateway.policy.waiting_line import Room, add_line, find_places, find_turns

GIB = 1024**3
DEMANDS = {
    "small": make_demand(Needs(memory=2 * GIB, cpu=0.5)),
    "large": make_demand(Needs(memory=8 * GIB, cpu=1)),
    "pinned": make_demand(Needs(memory=3 * GIB, cpu=1, selector={"zone": "b"})),
    "gpu": make_demand(Needs(memory=2 * GIB, selector={"zone": "gpu"})),
}
FULL = Capacity("full")
ALL = frozenset("ab")
HOSTS = {"small": ALL, "large": frozenset("a"), "pinned": frozenset("b"), "gpu": frozenset("g")}


def make_room(**capacities):
    return Room({slug: capacities.get(slug, FULL) for slug in DEMANDS}, HOSTS, DEMANDS)


def free(count):
    return Capacity("free", count)


@pytest.mark.parametrize(
    ("line", "going", "room", "turns"),
    [
        ([], [], make_room(), []),
        (["small", "small"], [], make_room(), []),
        (["small"] * 3, [], make_room(small=free(2)), [0, 1]),
        # One on its way has its room.
        (["small"] * 3, ["small"], make_room(small=free(2)), [0]),
        # A large one is not starved, and who can have none of its nodes goes by.
        (["large", "small", "pinned"], [], make_room(small=free(3), pinned=free(1)), []),
        (["large", "pinned"], [], make_room(pinned=free(1)), [1]),
        (["large", "gpu"], [], make_room(gpu=free(1)), [1]),
        # Others' room may be on the very nodes that this one needs.
        (["large"], ["small"], make_room(small=free(9), large=free(1)), []),
        (["large"], ["small"], make_room(small=free(9), large=free(2)), [0]),
        (["small"], ["large"], make_room(small=free(9), large=free(2)), [0]),
        (["small"], ["large"], make_room(small=free(9), large=free(1)), []),
        (["small"], ["large"], make_room(small=free(4), large=free(2)), []),
        # One that may go anywhere must not take the only place of one that went before.
        (["small"], ["pinned"], make_room(small=free(9), pinned=free(1)), []),
        # Nobody waits for what isn't so.
        (["small"] * 2, ["small"], make_room(small=Capacity("new-node")), [0, 1]),
        (["small"] * 2, [], make_room(small=Capacity("never")), [0, 1]),
        (["small", "large"], ["gpu"], Room({}, {}, DEMANDS), [0, 1]),
    ],
)
def test_who_may_go(line, going, room, turns):
    assert find_turns(line, going, room) == turns


def test_places_are_among_those_who_compete():
    line = ["large", "gpu", "small", "pinned", "small", "gpu"]
    assert find_places(line, make_room()) == [(1, 3), (1, 2), (2, 4), (2, 3), (4, 4), (2, 2)]
    assert find_places([], make_room()) == []


def test_who_comes_now_is_behind_all_who_compete():
    room = make_room(small=free(3), large=Capacity("full", ahead=2), gpu=free(1))
    assert add_line(["large", "large"], room) == {
        "small": Capacity("full", ahead=2),
        "large": Capacity("full", ahead=4),
        "pinned": FULL,
        "gpu": free(1),
    }


# With a cluster that is simulated

SLUGS = st.sampled_from(sorted(DEMANDS))
ZONES = {"a": "a", "b": "b", "c": "b", "g": "gpu"}
MEMORY = st.integers(min_value=2, max_value=20)


class Cluster:
    """Nodes on which servers are put wherever they fit, as ``draw`` says."""

    def __init__(self, draw):
        self._draw = draw
        self.nodes = [self._make_node(name, zone) for name, zone in ZONES.items()]
        self.on = {}

    def _make_node(self, name, zone):
        room = {"memory": self._draw(MEMORY) * GIB, "cpu": 6000, "pods": 6}
        return NodeState(Node(name, {"zone": zone}, (), {}), room, True)

    def find_room(self):
        pods = [PodLoad(node, DEMANDS[slug].amounts) for slug, node in self.on.values()]
        capacities = find_capacities(DEMANDS, self.nodes, pods)
        return Room(capacities, find_hosts(DEMANDS, self.nodes, pods), DEMANDS)

    def put(self, name, slug):
        fitting = [node for node in sorted(ZONES) if self._fits(slug, node)]
        assert fitting, f"{slug} was let go, and there is no room"
        self.on[name] = slug, self._draw(st.sampled_from(fitting))

    def _fits(self, slug, name):
        node = next(one for one in self.nodes if one.node.name == name)
        here = [(name, DEMANDS[one].amounts) for one, at in self.on.values() if at == name]
        loads = [PodLoad(at, amounts) for at, amounts in here]
        return find_capacities({slug: DEMANDS[slug]}, [node], loads)[slug].free > 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_never_more_go_than_fit_in_order_and_all_in_the_end(data):
    cluster = Cluster(data.draw)
    hosts = cluster.find_room().hosts
    line = list(enumerate(data.draw(st.lists(SLUGS.filter(hosts.get), max_size=12))))
    going, gone = [], []
    for _ in range(200):
        if not (line or going):
            break
        room = cluster.find_room()
        turns = find_turns([slug for _, slug in line], [slug for _, slug in going], room)
        for place in turns:
            check_order(line, place, turns, room)
        if line and not going and room.fits_all(line[0][1], Counter()):
            assert turns, "there is room, and nobody goes"
        going += [line[place] for place in turns]
        gone += [line[place] for place in turns]
        line = [one for place, one in enumerate(line) if place not in turns]
        # Pods are made, and put on nodes, in any order; some later.
        for name, slug in data.draw(st.permutations(going)):
            if not turns or data.draw(st.booleans()):
                cluster.put(name, slug)
                going.remove((name, slug))
        # Somebody leaves.
        if cluster.on and not turns:
            del cluster.on[data.draw(st.sampled_from(sorted(cluster.on)))]
    assert (line, going) == ([], [])


def check_order(line, place, turns, room):
    """Nobody went by a competitor."""
    for before, (_, slug) in enumerate(line[:place]):
        assert before in turns or not room.is_shared(slug, line[place][1])


@given(st.lists(SLUGS, max_size=30))
def test_each_is_one_of_those_it_competes_with(line):
    room = make_room()
    for slug, (number, count) in zip(line, find_places(line, room), strict=True):
        assert 1 <= number <= count == sum(room.is_shared(slug, other) for other in line)

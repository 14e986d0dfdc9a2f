"""The arithmetic of ``jhub-gateway plan``: what it promises holds, whatever the figures."""

from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryProfile
from jhub_gateway.planning.ladder import STEP, make_ladder
from jhub_gateway.planning.node_kinds import parse_nodes, parse_system
from jhub_gateway.planning.plan import make_plan
from jhub_gateway.planning.room import Room, is_sure_to_fit, make_request, pack

GIB = 1024**3
MIB = 1024**2
SYSTEM = parse_system("2G/0.5")

pods = st.builds(Room, st.integers(1, 12), st.integers(1, 12), st.just(1))
peaks = st.dictionaries(pods, st.integers(1, 12), min_size=1, max_size=3)
nodes = st.lists(
    st.builds(Room, st.integers(1, 40), st.integers(1, 40), st.integers(1, 15)),
    min_size=1,
    max_size=5,
)
rooms = st.builds(
    Room,
    st.integers(2 * 1024, 512 * 1024).map(lambda size: size * MIB),
    st.integers(1000, 64000),
    st.just(100),
)


def make_profile(slug: str, memory: int, **more) -> MemoryProfile:
    return MemoryProfile(slug, slug, memory, more.pop("memory_guarantee", memory), **more)


def place_anyhow(peak: dict[Room, int], nodes: list[Room], random: Random) -> bool:
    """Whether all found a place, in an order and on nodes that chance chose."""
    coming = [pod for pod, count in peak.items() for _ in range(count)]
    random.shuffle(coming)
    left = list(nodes)
    for pod in coming:
        hosts = [place for place, room in enumerate(left) if room.count(pod)]
        if not hosts:
            return False
        # Both ends of what schedulers do: spread the pods, or fill one node after the other.
        place = random.choice([max, min])(hosts, key=lambda host: (left[host], random.random()))
        left[place] = left[place].less(pod)
    return True


@given(peaks, nodes, st.randoms(use_true_random=False))
def test_what_is_sure_to_fit_fits_in_any_order(peak, nodes, random):
    if is_sure_to_fit(peak, nodes):
        assert all(place_anyhow(peak, nodes, random) for _ in range(10))


@given(pods, st.integers(1, 60), nodes)
def test_of_one_size_it_is_sure_what_fits_and_what_does_not(pod, count, nodes):
    assert is_sure_to_fit({pod: count}, nodes) == (count <= sum(n.count(pod) for n in nodes))


@given(peaks, nodes, pods)
def test_who_is_sure_of_a_place_is_so_with_fewer_others_and_with_more_nodes(peak, nodes, pod):
    more = {**peak, pod: peak.get(pod, 0) + 1}
    if is_sure_to_fit(more, nodes):
        assert is_sure_to_fit(peak, nodes)
        assert is_sure_to_fit(more, [*nodes, nodes[0]])


def test_small_servers_on_each_node_leave_no_room_for_a_large_one():
    small, large, nodes = Room(1, 1), Room(10, 1), [Room(11, 9, 9)] * 2
    assert is_sure_to_fit({small: 1, large: 1}, nodes)
    # Both small ones may be on one node, and the second large one has no place then.
    assert pack({small: 2, large: 2}, nodes)
    assert not is_sure_to_fit({small: 2, large: 2}, nodes)


@given(peaks, nodes)
def test_a_packed_node_has_no_more_than_it_has_room_for(peak, nodes):
    packed = pack(peak, nodes)
    if packed is None:
        assert not is_sure_to_fit(peak, nodes)
        return
    for pod, count in peak.items():
        assert sum(here.get(pod, 0) for here in packed) == count
    for node, here in zip(nodes, packed, strict=True):
        used = [sum(pod[kind] * count for pod, count in here.items()) for kind in range(3)]
        assert all(mine <= its for mine, its in zip(used, node, strict=True))


@given(rooms, st.integers(GIB // 8, 4 * GIB))
def test_a_ladder_fills_a_node_with_whole_numbers_of_servers(room, smallest):
    if room.memory < smallest + STEP:
        return
    ladder = make_ladder([room], smallest)
    assert smallest <= ladder[0].memory
    assert [profile.default for profile in ladder] == [True] + [False] * (len(ladder) - 1)
    counts = [room.count(make_request(profile)) for profile in ladder]
    # Twice the size is half as many, and the largest has the node alone.
    assert all(count // 2 == half for count, half in pairwise(counts))
    assert counts[-1] == 1
    assert all(profile.cpu >= profile.cpu_guarantee for profile in ladder)


def test_a_ladder_needs_a_node_for_its_smallest_size():
    room = Room(2 * GIB, 1000, 100)
    with pytest.raises(ConfigurationError, match="--smallest"):
        make_ladder([room], 2 * GIB + 1)
    assert len(make_ladder([room], 2 * GIB)) == 1


@given(st.lists(rooms, min_size=1, max_size=3))
def test_no_node_lacks_cpu_before_memory(rooms):
    for profile in make_ladder(rooms, GIB):
        for room in rooms:
            assert room.count(make_request(profile)) == room.memory // profile.memory


@pytest.mark.parametrize(
    ("nodes", "first", "counts"),
    [("64G/16", 1984, [32, 16, 8, 4, 2, 1]), ("30G/8", 1792, [16, 8, 4, 2, 1])],
)
def test_the_ladder_of_usual_nodes(nodes, first, counts):
    room = parse_nodes(nodes, SYSTEM).free
    ladder = make_ladder([room], GIB)
    assert ladder[0].memory == first * MIB
    assert [room.count(make_request(profile)) for profile in ladder] == counts


def test_a_limit_is_reserved_where_nothing_else_is_said():
    assert make_request(make_profile("a", 4 * GIB, cpu=2)) == Room(4 * GIB, 2000)
    given = make_profile("a", 4 * GIB, memory_guarantee=GIB, cpu=2, cpu_guarantee=0.5)
    assert make_request(given) == Room(GIB, 500)


def test_a_plan_counts_who_is_active_at_once():
    profiles = [make_profile("small", 2 * GIB), make_profile("large", 16 * GIB)]
    kinds = [parse_nodes("4x64G/16@0.5", SYSTEM)]
    plan = make_plan(kinds, (), profiles, {"small": 133, "large": 15}, Fraction("0.3"))
    small, large = plan.profiles
    assert (small.at_once, large.at_once) == (40, 5)
    assert (small.a_node, small.in_all, large.a_node, large.in_all) == ((31,), 124, (3,), 12)
    assert large.waste == (pytest.approx(14 / 62),)
    # 160 GB on nodes of 62; small servers may leave no large gap on three of them.
    assert (plan.peak.packed, plan.peak.sure, plan.peak.price) == (3, 4, 2)
    assert plan.peak.waste == pytest.approx(1 - 160 / 248)
    assert plan.machine_memory == 160 * GIB + 128 * MIB
    assert not plan.is_machine_enough


def test_a_peak_can_need_more_nodes_than_there_are():
    kinds = [parse_nodes("1x64G/16", SYSTEM)]
    profiles = [make_profile("small", 2 * GIB), make_profile("huge", 100 * GIB)]
    plan = make_plan(kinds, (), profiles, {"small": 63}, Fraction(1))
    assert (plan.peak.sure, plan.peak.packed, plan.profiles[0].more) == (3, 3, 0)
    plan = make_plan(kinds, (), profiles, {"huge": 1}, Fraction(1))
    assert (plan.peak.sure, plan.peak.packed) == (None, None)


@pytest.mark.parametrize(("users", "is_enough"), [(11, True), (12, False)])
def test_jetstreams_eleven_users_with_10_gb_fit_one_machine(users, is_enough):
    kinds = [parse_nodes("128G/32", SYSTEM)]
    plan = make_plan(kinds, (), [make_profile("a", 10 * GIB)], {"a": users}, Fraction(1))
    assert plan.is_machine_enough == is_enough


@pytest.mark.parametrize("text", ["", "4x", "0x64G/16", "64G", "64/16G", "4x64G/16@x", "1G/4"])
def test_what_names_no_nodes_is_a_sentence(text):
    with pytest.raises(ConfigurationError, match="--nodes: "):
        parse_nodes(text, SYSTEM)

"""Whether a server of each profile finds room now, and how many more do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jhub_gateway.models import Node
from jhub_gateway.policy.autoscaled_nodes import NodePool
from jhub_gateway.policy.cluster_states import Demand, NodeState, PodLoad
from jhub_gateway.policy.node_fit import Needs, is_chosen, is_closed_now, may_run
from jhub_gateway.policy.pod_requests import count_fits, read_amounts, subtract

HUB_MEMORY = 128 * 1024**2
"""Bytes of a hub and its proxy on one machine."""

# What prepares the home before each server asks for as much, in thousandths of a core.
_LEAST_CPU = 10


@dataclass(frozen=True, slots=True)
class Capacity:
    """Whether one more server of a profile finds room.

    ``state`` is "free", "new-node" (the autoscaler adds a node for it), "full" (there is room for
    it once others have gone) or "never" (no node could take it). ``free`` is how many more fit
    now; ``ahead`` how many pods wait for the same nodes.
    """

    state: str
    free: int = 0
    ahead: int = 0


def make_demand(needs: Needs) -> Demand:
    """Return what a server asks for that needs ``needs``."""
    cpu = max(_LEAST_CPU, round(needs.cpu * 1000))
    own = {"memory": needs.memory, "cpu": cpu, "pods": 1}
    return Demand(needs, read_amounts(needs.resources) | own)


def find_capacities(
    demands: Mapping[str, Demand],
    nodes: Sequence[NodeState],
    pods: Iterable[PodLoad],
    pools: Sequence[NodePool] = (),
) -> dict[str, Capacity]:
    """Return the capacity of each profile by its slug.

    ``pods`` are all of the cluster that have not ended, whosever they are. Those that wait for a
    node come first: room that is there for them is theirs.
    """
    rooms = _find_rooms(nodes, pods)
    queue = [
        (demand, left)
        for demand, count in rooms.waiting.values()
        if (left := count - _take(demand, count, rooms))
    ]
    return {slug: _judge(slug, demand, rooms, queue, pools) for slug, demand in demands.items()}


def find_hosts(
    demands: Mapping[str, Demand], nodes: Sequence[NodeState], pods: Iterable[PodLoad]
) -> dict[str, frozenset[str]]:
    """Return by the profile's slug the names of the nodes that could take a server of it.

    They need not have room for it now.
    """
    rooms = _find_rooms(nodes, pods)
    return {slug: frozenset(_find_hosts(demand, rooms)) for slug, demand in demands.items()}


def find_machine_capacity(memory: int, total: int, left: int) -> Capacity:
    """Return the capacity of a profile that reserves ``memory``, on one machine.

    It has ``total`` for servers, of which ``left`` is not reserved; all are bytes.
    """
    if left >= memory:
        return Capacity("free", left // memory)
    return Capacity("full" if total >= memory else "never")


class _Rooms(NamedTuple):
    """``left`` is what is free on each node by its name; ``empty`` what it has without servers."""

    nodes: Sequence[NodeState]
    left: dict[str, dict[str, int]]
    empty: dict[str, dict[str, int]]
    waiting: dict[str, tuple[Demand, int]]


def _find_rooms(nodes: Sequence[NodeState], pods: Iterable[PodLoad]) -> _Rooms:
    rooms = _Rooms(
        nodes,
        {state.node.name: dict(state.room) for state in nodes},
        {state.node.name: dict(state.room) for state in nodes},
        {},
    )
    for pod in pods:
        if pod.demand is not None:
            _, count = rooms.waiting.get(pod.kind, (pod.demand, 0))
            rooms.waiting[pod.kind] = pod.demand, count + 1
        elif pod.node in rooms.left and not pod.gives_way:
            subtract(rooms.left[pod.node], pod.amounts)
            if pod.is_fixed:
                subtract(rooms.empty[pod.node], pod.amounts)
    return rooms


def _take(demand: Demand, count: int, rooms: _Rooms) -> int:
    """Give pods that wait their room; return for how many of them there is some."""
    taken = 0
    for state in rooms.nodes:
        if taken < count and _is_open(demand, state):
            left = rooms.left[state.node.name]
            here = min(count - taken, count_fits(left, demand.amounts))
            subtract(left, demand.amounts, here)
            taken += here
    return taken


def _judge(
    slug: str,
    demand: Demand,
    rooms: _Rooms,
    queue: Sequence[tuple[Demand, int]],
    pools: Sequence[NodePool],
) -> Capacity:
    free = sum(
        count_fits(rooms.left[state.node.name], demand.amounts)
        for state in rooms.nodes
        if _is_open(demand, state)
    )
    if free:
        return Capacity("free", free)
    hosts = _find_hosts(demand, rooms)
    if any(_covers(pool, slug, demand, rooms) for pool in pools):
        return Capacity("new-node", ahead=_count_ahead(hosts, queue, rooms))
    if hosts:
        return Capacity("full", ahead=_count_ahead(hosts, queue, rooms))
    return Capacity("never")


def _is_open(demand: Demand, state: NodeState) -> bool:
    return (
        state.is_up
        and may_run(demand.place, state.node)
        and not is_closed_now(demand.place, state.node)
    )


def _find_hosts(demand: Demand, rooms: _Rooms) -> set[str]:
    """Return the names of the nodes that could take it if they had no servers."""
    return {
        state.node.name
        for state in rooms.nodes
        if may_run(demand.place, state.node)
        and count_fits(rooms.empty[state.node.name], demand.amounts)
    }


def _count_ahead(hosts: set[str], queue: Sequence[tuple[Demand, int]], rooms: _Rooms) -> int:
    return sum(count for demand, count in queue if not hosts.isdisjoint(_find_hosts(demand, rooms)))


def _covers(pool: NodePool, slug: str, demand: Demand, rooms: _Rooms) -> bool:
    """Whether the autoscaler adds a node of the pool for the profile."""
    own = [state for state in rooms.nodes if pool.labels.items() <= state.node.labels.items()]
    if pool.max_nodes is not None and len(own) >= pool.max_nodes:
        return False
    if pool.profiles is not None:
        return slug in pool.profiles
    if not is_chosen(demand.place, Node("", pool.labels, (), {})):
        return False
    # Its nodes are alike: where there is one, a new one takes what that could.
    hosts = _find_hosts(demand, rooms)
    return not own or any(state.node.name in hosts for state in own)

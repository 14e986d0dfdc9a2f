"""What a node has for pods and what a pod asks of it, and whether pods fit."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, gcd
from typing import NamedTuple

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.profiles import get_reserved_cpu

# What prepares the home before each server asks for as much; a pod asks for the larger of both.
LEAST_CPU = 10


class Room(NamedTuple):
    """An amount of what the scheduler counts: bytes, thousandths of a core, and pods."""

    memory: int
    cpu: int
    pods: int = 1

    def less(self, other: "Room", times: int = 1) -> "Room":
        """Return what is left without the other, and never less than nothing."""
        return Room(*(max(0, mine - its * times) for mine, its in zip(self, other, strict=True)))

    def count(self, pod: "Room") -> int:
        """Return how many such pods this has room for."""
        return min(mine // its for mine, its in zip(self, pod, strict=True) if its)


def make_request(profile: MemoryProfile) -> Room:
    """Return what a server of this profile reserves."""
    cpu = ceil(get_reserved_cpu(profile) * 1000)
    return Room(profile.memory_guarantee, max(LEAST_CPU, cpu))


def pack(pods: Mapping[Room, int], nodes: Sequence[Room]) -> list[dict[Room, int]] | None:
    """Return which pods each node has, the largest first and one node after the other.

    None where some find no place so.
    """
    left, packed = list(nodes), [dict[Room, int]() for _ in nodes]
    for pod, count in sorted(pods.items(), reverse=True):
        for place, room in enumerate(left):
            here = min(count, room.count(pod))
            if here:
                left[place], packed[place][pod] = room.less(pod, here), here
                count -= here
        if count:
            return None
    return packed


def is_sure_to_fit(pods: Mapping[Room, int], nodes: Sequence[Room]) -> bool:
    """Whether all pods find a place in whatever order they come and wherever the others are put.

    Users come in no order, and Kubernetes' own scheduler spreads pods: small ones can then be on
    every node, with room for a large one on none. A pod is sure of its place if to leave it none
    takes more than all others have. False is no proof of the opposite.
    """
    wanted = {pod: count for pod, count in pods.items() if count}
    return all(_is_sure(pod, wanted, nodes) for pod in wanted)


def _is_sure(pod: Room, pods: Mapping[Room, int], nodes: Sequence[Room]) -> bool:
    hosts = Counter(node for node in nodes if node.count(pod))
    others = {one: count - (one == pod) for one, count in pods.items() if count - (one == pod)}
    if not hosts or not others:
        return bool(hosts)
    # Any one kind of amount may be what shows it.
    return any(_has_too_little(pod, others, hosts, weight) for weight in range(len(pod)))


def _has_too_little(
    pod: Room, others: Mapping[Room, int], hosts: Mapping[Room, int], weight: int
) -> bool:
    """Whether the others together weigh less than what would close all hosts to the pod."""
    step = gcd(*(one[weight] for one in others))
    total = sum(one[weight] * count for one, count in others.items())
    needed = 0
    for host, count in hosts.items():
        costs = list(_list_costs(pod, others, host, weight))
        if not costs:
            return True  # nothing can close this one
        needed += count * ceil(min(costs) / step) * step if step else 0
    return needed > total


def _list_costs(
    pod: Room, others: Mapping[Room, int], host: Room, weight: int
) -> Iterator[Fraction]:
    """Yield the least weight of others that leaves the host too little memory, cpu or pods."""
    for kind, (have, need) in enumerate(zip(host, pod, strict=True)):
        sizes = [one for one in others if one[kind]]
        if not sizes or not need:
            continue
        step = gcd(*(one[kind] for one in sizes))
        closing = (have - need) // step * step + step
        if closing <= sum(one[kind] * count for one, count in others.items()):
            yield closing * min(Fraction(one[weight], one[kind]) for one in sizes)

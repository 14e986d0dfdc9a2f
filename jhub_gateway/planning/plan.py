"""The plan itself: who comes, what fits, on how many nodes, and what that leaves unused."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryProfile
from jhub_gateway.planning.node_kinds import NodeKind, list_rooms
from jhub_gateway.planning.room import Room, is_sure_to_fit, make_request, pack
from jhub_gateway.policy.capacity import HUB_MEMORY

MACHINE_MEMORY = 120 * 1024**3
"""Bytes up to which one machine is the simpler choice."""


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """A profile: how many ``users`` it has and how many are active ``at_once``.

    ``a_node`` and ``waste`` have an entry for each kind of nodes that has servers of this profile
    alone: how many fit on one, and the share of its memory for users that they leave over.
    ``in_all`` fit on all nodes alone; ``more`` are sure of a place beside the peak.
    """

    profile: MemoryProfile
    users: int
    at_once: int
    a_node: tuple[int, ...]
    waste: tuple[float, ...]
    in_all: int
    more: int

    @property
    def request(self) -> Room:
        """What one server reserves."""
        return make_request(self.profile)


@dataclass(frozen=True, slots=True)
class PeakPlan:
    """The nodes for all who are active at once.

    ``sure`` are enough in whatever order users come, ``packed`` if the largest servers come first
    and fill one node after the other. Both may be more than there are, and None if a profile fits
    no node. ``waste`` is the share of the sure nodes' memory that the peak leaves over, ``price``
    that of these nodes for an hour, None where one's is not known.
    """

    sure: int | None
    packed: int | None
    waste: float
    price: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is planned. ``machine_memory`` is what one machine needs for the peak, in bytes."""

    kinds: tuple[NodeKind, ...]
    ladder: tuple[MemoryProfile, ...]
    profiles: tuple[ProfilePlan, ...]
    peak: PeakPlan
    machine_memory: int
    notes: tuple[str, ...] = ()

    @property
    def is_machine_enough(self) -> bool:
        """Whether one machine without Kubernetes is the simpler choice."""
        return self.machine_memory <= MACHINE_MEMORY


def make_plan(
    kinds: Sequence[NodeKind],
    ladder: Sequence[MemoryProfile],
    profiles: Sequence[MemoryProfile],
    users: Mapping[str, int],
    active: Fraction,
    notes: Sequence[str] = (),
) -> Plan:
    """Return the plan for so many users of each profile, of whom a share is active at once.

    Raises ConfigurationError for users of a profile that there is not.
    """
    slugs = [profile.slug for profile in profiles]
    if unknown := [slug for slug in users if slug not in slugs]:
        raise ConfigurationError(
            f"--users: there is no profile {unknown[0]!r}; these are there: {', '.join(slugs)}"
        )
    at_once = {slug: ceil(count * active) for slug, count in users.items()}
    peak: dict[Room, int] = {}
    for profile in profiles:
        request = make_request(profile)
        peak[request] = peak.get(request, 0) + at_once.get(profile.slug, 0)
    memory = sum(profile.memory * at_once.get(profile.slug, 0) for profile in profiles)
    return Plan(
        kinds=tuple(kinds),
        ladder=tuple(ladder),
        profiles=tuple(_plan_profile(one, kinds, users, at_once, peak) for one in profiles),
        peak=_plan_peak(kinds, peak),
        machine_memory=HUB_MEMORY + memory,
        notes=tuple(notes),
    )


def _plan_profile(
    profile: MemoryProfile,
    kinds: Sequence[NodeKind],
    users: Mapping[str, int],
    at_once: Mapping[str, int],
    peak: Mapping[Room, int],
) -> ProfilePlan:
    request = make_request(profile)
    a_node = tuple(kind.free.count(request) for kind in kinds)
    in_all = sum(count * kind.count for count, kind in zip(a_node, kinds, strict=True))
    rooms = list_rooms(kinds)

    def is_too_much(more: int) -> bool:
        return not is_sure_to_fit({**peak, request: peak.get(request, 0) + more}, rooms)

    return ProfilePlan(
        profile=profile,
        users=users.get(profile.slug, 0),
        at_once=at_once.get(profile.slug, 0),
        a_node=a_node,
        waste=tuple(
            1 - count * request.memory / kind.free.memory
            for count, kind in zip(a_node, kinds, strict=True)
        ),
        in_all=in_all,
        more=max(0, bisect_left(range(in_all + 1), True, key=is_too_much) - 1),
    )


def _plan_peak(kinds: Sequence[NodeKind], peak: Mapping[Room, int]) -> PeakPlan:
    nodes = list_nodes(kinds, sum(peak.values()))
    rooms = [kind.free for kind in nodes]
    sure = _find_least(len(rooms), lambda count: is_sure_to_fit(peak, rooms[:count]))
    packed = _find_least(len(rooms), lambda count: pack(peak, rooms[:count]) is not None)
    used = nodes[: sure or 0]
    prices = [kind.price for kind in used]
    wanted = sum(pod.memory * count for pod, count in peak.items())
    memory = sum(kind.free.memory for kind in used)
    return PeakPlan(
        sure=sure,
        packed=packed,
        waste=1 - wanted / memory if memory else 0,
        price=None if None in prices else sum(filter(None, prices)),
    )


def list_nodes(kinds: Sequence[NodeKind], more: int = 0) -> list[NodeKind]:
    """Return the kind of each node in their order, and then more of the one with most memory."""
    largest = max(kinds, key=lambda kind: kind.free.memory)
    return [kind for kind in kinds for _ in range(kind.count)] + [largest] * more


def _find_least(most: int, is_enough: Callable[[int], bool]) -> int | None:
    """Return the least number that is enough; None if no number is."""
    found = bisect_left(range(most + 1), True, key=is_enough)
    return found if found <= most else None

"""Whose turn it is among starts that wait for room: first come, first served.

Starts compete where some node could take either of them. Who is behind somebody of their
competitors waits, so that small servers can't starve a large one; who competes with nobody in the
line has no part in it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jhub_gateway.policy.capacity import Capacity
from jhub_gateway.policy.cluster_states import Demand


@dataclass(frozen=True, slots=True)
class Room:
    """What is known of room for each profile, by its slug.

    ``hosts`` has the names of the nodes that could take a server of it. What is not known keeps
    nobody waiting.
    """

    capacities: Mapping[str, Capacity]
    hosts: Mapping[str, frozenset[str]]
    demands: Mapping[str, Demand]

    def is_shared(self, slug: str, other: str) -> bool:
        """Whether servers of the two compete for some node."""
        nothing: frozenset[str] = frozenset()
        mine, theirs = self.hosts.get(slug, nothing), self.hosts.get(other, nothing)
        return slug == other or not mine.isdisjoint(theirs)

    def fits_all(self, slug: str, going: Counter[str]) -> bool:
        """Whether one more goes and all find room, on whichever nodes and in whichever order.

        ``going`` are those on their way whose pods are in no capacity yet.
        """
        after = going + Counter([slug])
        return all(self._fits(one, after) for one in after if self.is_shared(one, slug))

    def _fits(self, slug: str, going: Counter[str]) -> bool:
        """Whether each of them that is of this profile finds room."""
        capacity = self.capacities.get(slug)
        if capacity is None or capacity.state not in ("free", "full"):
            return True
        rivals = ((one, count) for one, count in going.items() if self.is_shared(one, slug))
        return capacity.free >= sum(self._displace(one, slug) * count for one, count in rivals)

    def _displace(self, other: str, slug: str) -> int:
        """Return how many servers a node has less room for at most, once it takes the other."""
        taken, needed = self.demands[other].amounts, self.demands[slug].amounts
        return max(-(-taken.get(what, 0) // least) for what, least in needed.items() if least)


def find_turns(line: Sequence[str], going: Iterable[str], room: Room) -> list[int]:
    """Return the places in the line, from 0, of those that may go now.

    ``line`` has the profiles of those that wait, in the order of their requests, and ``going``
    those of starts that have been let go and whose pods are in no capacity yet.
    """
    turns: list[int] = []
    gone, kept = Counter(going), set[str]()
    for place, slug in enumerate(line):
        is_behind = any(room.is_shared(slug, other) for other in kept)
        if is_behind or not room.fits_all(slug, gone):
            kept.add(slug)
        else:
            gone[slug] += 1
            turns.append(place)
    return turns


def find_places(line: Sequence[str], room: Room) -> list[tuple[int, int]]:
    """Return which number each in the line is, from 1, and of how many: among its competitors."""
    total, before = Counter(line), Counter[str]()
    places = []
    for slug in line:
        rivals = [other for other in total if room.is_shared(slug, other)]
        number = sum(before[other] for other in rivals) + 1
        places.append((number, sum(total[other] for other in rivals)))
        before[slug] += 1
    return places


def add_line(line: Sequence[str], room: Room) -> dict[str, Capacity]:
    """Return the capacities as they are for one who comes now: behind all in the line."""
    return {slug: _add(line, slug, found, room) for slug, found in room.capacities.items()}


def _add(line: Sequence[str], slug: str, capacity: Capacity, room: Room) -> Capacity:
    ahead = sum(room.is_shared(slug, other) for other in line)
    if not ahead:
        return capacity
    # What is free now is theirs.
    return replace(capacity, state="full", free=0, ahead=capacity.ahead + ahead)

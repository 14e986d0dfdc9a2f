"""Sizes of servers that fill nodes: each twice the one before, and whole numbers of them a node.

Because each size is a multiple of those below it, what one large server leaves free is of use to
small ones, to the last one.
"""

from collections.abc import Sequence
from math import ceil

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryProfile
from jhub_gateway.planning.room import LEAST_CPU, Room
from jhub_gateway.policy.quantities import format_memory

STEP = 16 * 1024**2
"""Sizes are multiples of so many bytes."""
_NAMES = ("small", "medium", "large", "xlarge")


def make_ladder(nodes: Sequence[Room], smallest: int) -> tuple[MemoryProfile, ...]:
    """Return profiles for these nodes, the first from ``smallest`` bytes to below twice that.

    Raises ConfigurationError where not one such server fits.
    """
    most = max(node.memory for node in nodes)
    first = _find_first(nodes, smallest)
    if first > most:
        raise ConfigurationError(
            f"--smallest: {format_memory(smallest)} is more than any node has for users, "
            f"{format_memory(most)}"
        )
    units = range(first, 2 * first, STEP)
    # Of all that are allowed, the one whose ladder wastes least.
    unit = min(units, key=lambda unit: (_get_waste(nodes, unit), unit))
    sizes = [unit << power for power in range((most // unit).bit_length())]
    cpu = _choose_cpu(nodes, unit)
    most_cpu = max(node.cpu for node in nodes)
    return tuple(
        _make_profile(place, size, cpu << place, most_cpu) for place, size in enumerate(sizes)
    )


def _find_first(nodes: Sequence[Room], smallest: int) -> int:
    """Return from which size on a node's memory ends before the number of its pods does."""
    least = max(smallest, *(ceil(node.memory / node.pods) for node in nodes))
    return ceil(least / STEP) * STEP


def _get_waste(nodes: Sequence[Room], unit: int) -> float:
    """Return the share of memory that is left over, over all sizes and nodes."""
    shares = [
        node.memory % size / node.memory
        for node in nodes
        for size in (unit << power for power in range((node.memory // unit).bit_length()))
    ]
    return sum(shares) / len(shares) if shares else 1


def _choose_cpu(nodes: Sequence[Room], unit: int) -> int:
    """Return the smallest size's share of the cores, so that no node lacks cpu before memory."""
    share = min(node.cpu // (node.memory // unit) for node in nodes if node.memory >= unit)
    return max(LEAST_CPU, share // LEAST_CPU * LEAST_CPU)


def _make_profile(place: int, memory: int, cpu: int, most_cpu: int) -> MemoryProfile:
    """Return a size that reserves so much and may take twice the cpu, while others are idle."""
    name = _NAMES[place] if place < len(_NAMES) else f"{2 ** (place - 3)}xlarge"
    return MemoryProfile(
        slug=name,
        display_name=name.capitalize() if place < len(_NAMES) - 1 else name.replace("xlarge", "XL"),
        memory=memory,
        memory_guarantee=memory,
        cpu=max(1, min(ceil(2 * cpu / 1000), ceil(most_cpu / 1000))),
        cpu_guarantee=cpu / 1000,
        default=place == 0,
    )

"""Kinds of nodes, as an operator writes them: ``4x64G/16@0.5``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.planning.room import Room
from jhub_gateway.policy.entry_values import read_number
from jhub_gateway.policy.quantities import parse_memory

_NODES = re.compile(r"(?:(?P<count>\d+)x)?(?P<size>[^x@]+)(?:@(?P<price>\d+(?:\.\d+)?))?")
PODS = 110
"""How many pods a kubelet takes by default."""
SYSTEM_PODS = 10


@dataclass(frozen=True, slots=True)
class NodeKind:
    """Nodes that are alike. ``size`` is what one has, ``system`` what is not for users of it.

    ``price`` is of one node for an hour, in whatever money.
    """

    name: str
    count: int
    size: Room
    system: Room
    price: float | None = None

    @property
    def free(self) -> Room:
        """What users' servers may take of one node."""
        return self.size.less(self.system)


def parse_nodes(text: str, system: Room) -> NodeKind:
    """Return what ``COUNTxMEMORY/CORES@PRICE`` says; count and price may be left out.

    Raises ConfigurationError.
    """
    match = _NODES.fullmatch(text.strip())
    if match is None or not (count := int(match["count"] or 1)):
        raise ConfigurationError(
            f"--nodes: {text!r} names no nodes; write for example 4x64G/16, or 4x64G/16@0.50 with "
            "the price of one for an hour"
        )
    memory, cpu = parse_size(match["size"], "--nodes")
    price = float(match["price"]) if match["price"] else None
    kind = NodeKind(match["size"], count, Room(memory, cpu, PODS), system, price)
    if not all(kind.free):
        raise ConfigurationError(
            f"--nodes: {text!r} leaves nothing for users beside what the system takes of each "
            "node; name larger nodes, or less with --system"
        )
    return kind


def parse_system(text: str) -> Room:
    """Return what ``MEMORY/CORES`` takes of each node. Raises ConfigurationError."""
    return Room(*parse_size(text, "--system"), SYSTEM_PODS)


def parse_size(text: str, option: str) -> tuple[int, int]:
    """Return the bytes and the thousandths of a core of ``64G/16``. Raises ConfigurationError."""
    memory, _, cores = text.partition("/")
    try:
        return parse_memory(memory), round(read_number(cores) * 1000)
    except ValueError as problem:
        raise ConfigurationError(
            f"{option}: {text!r}: {problem}; memory and cores are written as 64G/16"
        ) from None


def list_rooms(kinds: Sequence[NodeKind]) -> list[Room]:
    """Return what each node has for users, the kinds in their order."""
    return [kind.free for kind in kinds for _ in range(kind.count)]

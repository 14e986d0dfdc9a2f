"""The nouns that the other modules share. Plain values, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MemoryProfile:
    """A size of server that a user can choose.

    ``memory`` and ``memory_guarantee`` are bytes, ``cpu`` and ``cpu_guarantee`` are cores.
    ``None`` means: no limit of its own (cpu), what the hub is configured with (image), or
    everybody (allowed_groups).
    """

    slug: str
    display_name: str
    memory: int
    memory_guarantee: int
    description: str = ""
    cpu: float | None = None
    cpu_guarantee: float | None = None
    allowed_groups: frozenset[str] | None = None
    node_selector: Mapping[str, str] | None = None
    tolerations: tuple[Mapping[str, Any], ...] = ()
    image: str | None = None
    default: bool = False

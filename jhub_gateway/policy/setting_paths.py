"""Paths to values: the keys of mappings and the places of lists that lead there."""

from collections.abc import Sequence

Step = str | int
Path = tuple[Step, ...]


def format_path(path: Sequence[Step]) -> str:
    """Return a path as people write it: ``hub.config.GatewaySpawner.memory_profiles[1].memory``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")

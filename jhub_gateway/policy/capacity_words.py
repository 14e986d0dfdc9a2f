"""What users read of room for servers, and of how long a start takes."""

import math

from jhub_gateway.policy.capacity import Capacity


def describe_capacity(capacity: Capacity, seconds: float | None, node_seconds: float | None) -> str:
    """Return what the profile page says.

    ``seconds`` is what a start takes that finds room, ``node_seconds`` one that waits for a new
    node; ``None`` where this hub has seen too few.
    """
    if capacity.state == "free":
        return f"Ready in {describe_about(seconds)}" if seconds else "Free now"
    if capacity.state == "new-node":
        wait = describe_about(node_seconds) if node_seconds else "some minutes"
        return f"A new node is needed: {wait}"
    if capacity.state == "full":
        return f"No room now: {capacity.ahead} ahead of you" if capacity.ahead else "No room now"
    return "Not available now: choose another size"


def describe_about(seconds: float) -> str:
    """Return a wait no more exactly than it is known: ``"about 20 s"``, ``"about 5 min"``."""
    if seconds <= 55:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    return f"about {max(1, math.ceil(seconds / 60 - 0.25))} min"

"""What is taken for a server's use: what it says itself, and what holds while it is silent. Pure.

What a server says is its user's to write. It can move no other server's end, and its own no
further than the policy's limits.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from jhub_gateway.models import ServerUse
from jhub_gateway.policy.culling import add_elapsed

_BUSY_WORDS = re.compile(r"[0-9A-Za-z ,]{1,60}")


def read_use(answer: object, age: float) -> ServerUse:
    """Return what a server ``age`` seconds old answered of its use, as decoded JSON.

    Nothing is longer ago than its start. Raises ValueError for what no server of ours says.
    """
    if not isinstance(answer, Mapping):
        raise ValueError("the answer is no object")
    busy_for = answer.get("busy_for")
    return ServerUse(
        min(_read_seconds(answer, "idle_for"), age),
        min(_read_seconds(answer, "disconnected_for"), age),
        None if busy_for is None else min(_read_seconds(answer, "busy_for"), age),
    )


def read_busy(answer: Mapping[str, Any]) -> str:
    """Return what is busy in it, such as ``"1 kernel, 1 job"``, for the log; "" if it is no such.

    It is words of a foreign process: a few plain characters, in one line.
    """
    words = answer.get("busy")
    return words if isinstance(words, str) and _BUSY_WORDS.fullmatch(words) else ""


def make_hub_use(idle_for: float) -> ServerUse:
    """Return the use of a server that can't tell: the hub last saw activity ``idle_for`` ago."""
    return ServerUse(idle_for, idle_for)


def estimate_use(known: ServerUse | None, elapsed: float, idle_for: float) -> ServerUse:
    """Return what is taken for the use of a server that is silent.

    ``known`` is what it said ``elapsed`` seconds ago, if it ever did; the hub last saw activity
    ``idle_for`` ago. In doubt it is used: what was busy is so still, and whoever came back since
    counts by the hub's measure.
    """
    if known is None:
        return make_hub_use(idle_for)
    later = add_elapsed(known, elapsed)
    # A page that was open then may have been closed at any moment since.
    disconnected_for = later.disconnected_for or elapsed
    return ServerUse(min(later.idle_for, idle_for), min(disconnected_for, idle_for), later.busy_for)


def _read_seconds(answer: Mapping[str, Any], key: str) -> float:
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key} is no number")
    try:
        seconds = float(value)
    except OverflowError:
        raise ValueError(f"{key} is too large a number") from None
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{key} is no length of time")
    return seconds

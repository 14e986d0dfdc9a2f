"""How long a start is likely to take, by the recent starts of the same profile."""

import math
from collections import OrderedDict, deque

_REMEMBERED = 20
_FEWEST = 3
# Nine of ten recent starts took no longer.
_SHARE = 0.9
_MIDDLE = 0.5
_MOST_PROFILES = 500


class RecentStarts:
    """How long the last 20 starts of each profile took; fewer than ``fewest`` tell nothing."""

    def __init__(self, fewest: int = _FEWEST) -> None:
        self._fewest = fewest
        self._seconds: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, slug: str, seconds: float) -> None:
        """Remember that a start of the profile ``slug`` took so many seconds until it was ready."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds!r} is no number of seconds")
        self._seconds.setdefault(slug, deque(maxlen=_REMEMBERED)).append(seconds)
        self._seconds.move_to_end(slug)
        if len(self._seconds) > _MOST_PROFILES:
            self._seconds.popitem(last=False)

    def estimate(self, slug: str) -> float | None:
        """Return within how many seconds nine of ten recent starts of the profile were ready.

        ``None`` with too few starts to go by.
        """
        return self._find(slug, _SHARE)

    def find_middle(self, slug: str) -> float | None:
        """Return what half of the profile's recent starts took at most, or ``None`` likewise."""
        return self._find(slug, _MIDDLE)

    def _find(self, slug: str, share: float) -> float | None:
        known = sorted(self._seconds.get(slug, ()))
        if len(known) < self._fewest:
            return None
        return known[math.ceil(share * len(known)) - 1]


def describe_wait(waited: float, estimate: float | None) -> str:
    """Return for the user how long they have waited, and what is usual.

    ``waited`` and ``estimate`` are seconds.
    """
    waiting = f"Waiting for {describe_seconds(waited)}."
    if estimate is None:
        return waiting
    usual = describe_seconds(estimate)
    if waited <= estimate:
        return f"{waiting} Most recent starts of this size took up to {usual}."
    return f"{waiting} This takes longer than most recent starts of this size: {usual}."


def describe_seconds(seconds: float) -> str:
    """Return a length of time as people say it: ``"40 seconds"``, ``"3 minutes"``."""
    if seconds < 90:
        whole = max(math.ceil(seconds), 1)
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(seconds / 60)} minutes"

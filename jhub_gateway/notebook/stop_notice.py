"""What the hub has announced: that the server stops, when and why."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LATE_SECONDS = 600.0
"""An announced stop that did not come so many seconds later is announced no more."""

# By how much the time of one and the same stop may be told differently: seconds, and a share of
# what was left of it. Use moves a stop by far more.
_SLACK = 2.0
_SLACK_SHARE = 0.05


@dataclass(frozen=True)
class Stop:
    """An announced stop: in how many ``seconds``, and ``why``, to follow "because".

    ``keep_seconds`` is what a click adds, 0 if there is no more. ``cause`` is "idle", "busy" or
    "age", or "" where it isn't told.
    """

    seconds: float
    why: str
    keep_seconds: float
    cause: str = ""


class StopNotice:
    """Holds the stop that was announced, until it is taken back, or the server is used."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stop: Stop | None = None
        self._at = 0.0
        self._over = -math.inf

    def tell(self, stop: Stop | None) -> None:
        """Announce ``stop``, or with None that the server does not stop."""
        if stop is None:
            self._stop, self._over = None, -math.inf
            return
        at = self._clock() + stop.seconds
        # Who announces it may not know yet that the server was used, or kept.
        if at > self._over:
            self._stop, self._at = stop, at

    def note_use(self) -> None:
        """Take back a stop for want of use. One for the server's age stays."""
        if self._stop and self._stop.cause in ("idle", "busy"):
            self.note_kept()

    def note_kept(self) -> None:
        """Take back the stop that is announced."""
        if self._stop:
            left = self._at - self._clock()
            self._stop, self._over = None, self._at + max(_SLACK, _SLACK_SHARE * left)

    def read(self) -> dict[str, Any]:
        """Return ``seconds`` (at least 0), ``why`` and ``keep_seconds``, or nothing."""
        left = self._at - self._clock()
        if self._stop is None or left < -LATE_SECONDS:
            return {}
        stop = self._stop
        return {"seconds": max(left, 0), "why": stop.why, "keep_seconds": stop.keep_seconds}

"""The time by which memory is counted, in seconds since 1970.

It only goes forward: a clock of the machine that is set while the hub runs, or that is behind the
one of the hub before, neither adds to what a server has used nor takes from it.
"""

import time
from collections.abc import Callable


class MemoryClock:
    """Begins at the machine's time or at ``least``, whichever is later."""

    def __init__(
        self,
        least: int = 0,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = max(wall(), least) - steady()

    def read(self) -> int:
        """Return the time now."""
        return int(self._offset + self._steady())

    def show(self, at: int) -> float:
        """Return when that is by the machine's clock, which users' clocks agree with."""
        return self._wall() + at - self.read()

"""How this server is used, as the gateway's hub asks it. Durations are seconds of one clock."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PAGE_SECONDS = 60.0
"""A page of JupyterLab that asked so many seconds ago is taken for open."""


@dataclass(frozen=True)
class ServerUse:
    """What the server says of its use. Durations are seconds.

    ``idle_for``: since somebody did something, or something that ran began or came to an end.
    ``disconnected_for``: since the last page was closed, 0 while one is open. ``busy_for``: how
    long the one that is busy for the shortest time has been so; None if nothing is. ``busy``: what
    is, e.g. ``"1 kernel, 2 jobs"``.
    """

    idle_for: float
    disconnected_for: float
    busy_for: float | None
    busy: str


class UseWatch:
    """Remembers when the server was used last, what is busy in it and whether pages are open.

    ``on_use`` is called at each use. ``clock`` gives seconds that only go forward.
    """

    def __init__(
        self,
        on_use: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_use, self._clock = on_use, clock
        self._used = self._seen = clock()
        self._page: float | None = None
        self._connections: dict[str, int] = {}
        self._busy: dict[str, dict[Any, float]] = {}

    def note_use(self) -> None:
        """Somebody did something."""
        self._used = self._clock()
        self._on_use()

    def note_page(self) -> None:
        """A page of JupyterLab is open, and looked at."""
        self._page = self._clock()

    def note_connections(self, kind: str, count: int) -> None:
        """So many connections of pages are open to the server's kernels, or terminals."""
        if sum(self._connections.values()):
            self._seen = self._clock()
        self._connections[kind] = count

    def note_busy(self, kind: str, ages: Mapping[Any, float]) -> None:
        """These are busy, of the ``kind`` "kernel", "terminal" or "job", and no others of it.

        An age is how long one has been so if it isn't known yet. That one is busy, or is no
        longer, is use: its user wanted that, and may want to see what came of it.
        """
        known, now = self._busy.get(kind, {}), self._clock()
        self._busy[kind] = {key: known.get(key, now - age) for key, age in ages.items()}
        if self._busy[kind].keys() != known.keys():
            self.note_use()

    def measure(self) -> ServerUse:
        """Return how the server is used now."""
        now = self._clock()
        since = [begin for begins in self._busy.values() for begin in begins.values()]
        return ServerUse(
            idle_for=now - self._used,
            disconnected_for=self._measure_disconnected(now),
            busy_for=now - max(since) if since else None,
            busy=", ".join(
                _count(len(begins), kind) for kind, begins in self._busy.items() if begins
            ),
        )

    def _measure_disconnected(self, now: float) -> float:
        if sum(self._connections.values()):
            return 0
        if self._page is None:
            return now - self._seen
        return 0 if now - self._page < PAGE_SECONDS else now - max(self._seen, self._page)


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}" if number == 1 else f"{number} {kind}s"

"""The line of a hub's starts that wait for room, before their pods are made."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jhub_gateway.policy.waiting_line import Room, find_places, find_turns
from jhub_gateway.request_ids import outside_requests

# Capacities are found anew once a second at most.
_LOOK_SECONDS = 1.0
# Until its pod is counted in the capacities, one on its way holds its room; an API server that is
# slow to make pods must not hold up the others for longer.
_LONGEST_HOLD = 30.0


@dataclass(eq=False)
class WaitingStart:
    """A start in the line; ``turn`` is set when it may go.

    ``tell`` hears which number it is, and of how many. ``is_counted`` says, once it is on its way,
    whether the capacities have its pod.
    """

    slug: str
    tell: Callable[[int, int], None]
    is_counted: Callable[[], bool]
    turn: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingLine:
    """All of a hub's starts that wait, in the order in which they joined."""

    def __init__(
        self, find_room: Callable[[], Room], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find_room = find_room
        self._clock = clock
        self._waiting: list[WaitingStart] = []
        # When each was let go.
        self._going: dict[WaitingStart, float] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def slugs(self) -> list[str]:
        """The profiles of those that wait, the first in line first."""
        return [start.slug for start in self._waiting]

    def join(self, start: WaitingStart) -> None:
        """Put it at the end of the line; where there is room it has its turn at once."""
        self._waiting.append(start)
        self.look()
        if self._waiting and (self._task is None or self._task.done()):
            with outside_requests():
                self._task = asyncio.create_task(self._keep_looking())

    def leave(self, start: WaitingStart) -> None:
        """Forget it: its start is over, or was given up."""
        self._going.pop(start, None)
        if start in self._waiting:
            self._waiting.remove(start)
        if self._waiting:
            self.look()

    async def _keep_looking(self) -> None:
        while self._waiting:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Let go who may, and tell the others their places."""
        room, now = self._find_room(), self._clock()
        for start, since in list(self._going.items()):
            if now - since >= _LONGEST_HOLD or start.is_counted():
                del self._going[start]
        turns = find_turns(self.slugs, [start.slug for start in self._going], room)
        for start in [self._waiting[place] for place in turns]:
            self._waiting.remove(start)
            self._going[start] = now
            start.turn.set()
        for start, place in zip(self._waiting, find_places(self.slugs, room), strict=True):
            start.tell(*place)

"""Looking at how the server is used for as long as it runs."""

from collections.abc import Awaitable, Callable
from logging import Logger
from typing import Any

from tornado.ioloop import IOLoop, PeriodicCallback

LOOK_SECONDS = 5


class Looks:
    """What looks at a part of the server each; one that fails takes no other with it."""

    def __init__(self, looks: list[Callable[[], Awaitable[None] | None]], log: Logger) -> None:
        self._looks, self._log = looks, log
        self._failed: set[Any] = set()

    async def look(self) -> None:
        """Let each look now. Raises nothing."""
        for look in self._looks:
            try:
                found = look()
                if found is not None:
                    await found
            except Exception:
                # Every few seconds the same would fill the log.
                if look not in self._failed:
                    self._failed.add(look)
                    self._log.warning("cannot see how the server is used", exc_info=True)

    def keep_looking(self) -> None:
        """Look every few seconds, in the server's event loop once that runs."""
        IOLoop.current().add_callback(self.look)
        PeriodicCallback(self.look, LOOK_SECONDS * 1000).start()

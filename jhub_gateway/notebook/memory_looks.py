"""Looking at the server's memory for as long as it runs."""

import asyncio

from tornado.ioloop import PeriodicCallback

from jhub_gateway.notebook.memory import LOOK_SECONDS, MemoryWatch


def keep_looking(watch: MemoryWatch) -> None:
    """Look every few seconds, in the server's event loop once that runs."""

    async def look() -> None:
        # A disk that hangs must not stop the notebooks beside it.
        await asyncio.to_thread(watch.look)

    PeriodicCallback(look, LOOK_SECONDS * 1000).start()

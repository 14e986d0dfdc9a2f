"""Whether something answers at a server's address."""

import asyncio
from urllib.parse import urlsplit

_CONNECT_SECONDS = 1.0


async def is_answering(url: str) -> bool:
    """Whether something takes connections at the address, within a second."""
    place = urlsplit(url)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def wait_for_answer(url: str) -> None:
    """Return once something takes connections there."""
    wait = 0.1
    while not await is_answering(url):
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, 1.0)

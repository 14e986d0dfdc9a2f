"""Asking again until something is so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_INTERVAL = 1.0  # seconds

T = TypeVar("T")


async def wait_until(ask: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
    """Return the first answer of ``ask`` that is not None; None if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer is not None or time.monotonic() >= deadline:
            return answer
        await asyncio.sleep(_INTERVAL)

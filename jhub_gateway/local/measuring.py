"""How much homes take, measured beside the hub: on a cluster that is a CronJob's work."""

import asyncio
import subprocess
import sys
from logging import Logger
from pathlib import Path

EVERY = 600  # seconds
MAX_AGE = 3600  # seconds
_LOOK = 0.5  # seconds


async def keep_measuring(root: Path, log: Logger, every: float = EVERY) -> None:
    """Measure what is due, every so many seconds, in a process of its own; never ends."""
    while True:
        try:
            await measure(root, log)
        except OSError as problem:  # no room for another process
            log.warning("Homes could not be measured: %s", problem)
        await asyncio.sleep(every)


async def measure(root: Path, log: Logger, max_age: float = MAX_AGE) -> None:
    """Measure the homes and datasets below ``root`` whose figures are older, in seconds.

    What went wrong is in the hub's log.
    """
    measure = [sys.executable, "-I", "-m", "jhub_gateway", "storage", "measure", str(root)]
    # A walk in one of the hub's own threads would hold up its pages. asyncio's own processes wait
    # for the end of one that is cancelled, and so would a hub that stops.
    command = ["nice", *measure, f"--max-age={max_age}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: ASYNC220
        try:
            while process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK)
        except asyncio.CancelledError:
            process.kill()
            raise
    if process.returncode:
        log.warning("Homes could not be measured: see above")

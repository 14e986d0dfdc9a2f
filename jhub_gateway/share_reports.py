"""Reads what the share takes, again and again, for the metrics."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jhub_gateway.share_metrics import SHARE_REPORTS
from jhub_gateway.storage.share_usage import read_share_usage

_EVERY = 60  # seconds
# Its own, as a share that doesn't answer keeps it: what was read last is then told on and gets old.
_READER = ThreadPoolExecutor(1, thread_name_prefix="share")


async def keep_reporting(usage_root: Path, every: float = _EVERY) -> None:
    """Report what was last measured, every so many seconds; never ends.

    ``usage_root`` is the share's ``usage/`` as the hub sees it.
    """
    loop = asyncio.get_running_loop()
    while True:
        SHARE_REPORTS.note(await loop.run_in_executor(_READER, read_share_usage, usage_root))
        await asyncio.sleep(every)

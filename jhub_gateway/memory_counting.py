"""Counting the memory of all servers that run, again and again for as long as the hub does."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from jhub_gateway.hub_servers import list_spawners
from jhub_gateway.memory_ledger import MemoryLedger, MemoryRun
from jhub_gateway.policy.memory_hours import DAY

LOOK_SECONDS = 60.0
"""What a hub that is killed may lose of a server that ends before the next hub is there."""
_LOOKS_A_DAY = int(DAY / LOOK_SECONDS)


async def keep_counting(app: Any, ledger: MemoryLedger, retention: timedelta) -> None:
    """Count what runs, and forget what ended longer ago than ``retention``. Never returns."""
    look = 0
    while True:
        try:
            ledger.count_all(list(_list_runs(app)))
            if look % _LOOKS_A_DAY == 0:
                ledger.forget(ledger.clock.read() - int(retention.total_seconds()))
        except SQLAlchemyError as problem:
            app.db.rollback()
            app.log.error("Memory is not counted now, and tried again: %s", problem)
        except Exception:
            # Who stops counting here, stops for as long as the hub runs.
            app.log.exception("Memory is not counted now, and tried again")
        look += 1
        await asyncio.sleep(LOOK_SECONDS)


def _list_runs(app: Any) -> Iterator[MemoryRun]:
    """Yield the runs of the servers that are ready: while a hub starts it can't tell yet."""
    for _, _, spawner in list_spawners(app):
        run = getattr(spawner, "memory_run", None)
        if spawner.ready and run is not None:
            yield run

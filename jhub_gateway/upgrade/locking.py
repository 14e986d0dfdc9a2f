"""One upgrade of a hub at a time: who takes its steps holds a Lease."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any

from jhub_gateway.clients.leases import Lease, LeaseUnavailable
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.record import NAME
from jhub_gateway.upgrade.waiting import wait_until

LEASE_SECONDS = 30.0
_RENEWALS = 4  # within that time
_MARGIN = 1.2


@asynccontextmanager
async def hold_lock(
    client: Any, namespace: str, say: Callable[[str], None], seconds: float = LEASE_SECONDS
) -> AsyncIterator[None]:
    """Hold the Lease until the end. What is under way is cancelled if another run gets it.

    A run that was killed leaves its own for ``seconds``, which are waited for. Raises UpgradeError
    if another run holds it for longer.
    """
    me = f"{socket.gethostname()}_{token_hex(4)}"
    lease = Lease(client, namespace, NAME, me, seconds)
    await _take(lease, say, seconds)
    task = asyncio.current_task()
    keeper = asyncio.create_task(_keep(lease, seconds, task.cancel if task else lambda: None))
    try:
        yield
    except asyncio.CancelledError:
        if lease.is_held:
            raise  # Ctrl-C
        raise UpgradeError(
            f"the Lease {NAME} is lost: the API server did not answer for long, or {lease.holder} "
            "upgrades this hub now. Repeat the command; it goes on where this one stopped"
        ) from None
    finally:
        keeper.cancel()
        await lease.release()


async def _take(lease: Lease, say: Callable[[str], None], seconds: float) -> None:
    told = False

    async def try_once() -> bool | None:
        nonlocal told
        try:
            is_held = await lease.hold()
        except LeaseUnavailable as problem:
            raise UpgradeError(f"the Lease {NAME} can't be had: {problem}") from None
        if not is_held and not told:
            say(f"{lease.holder} upgrades this hub, or was killed: waiting for {seconds:.0f} s")
            told = True
        return is_held or None

    # What has ended is noticed only after it was seen for so long.
    if not await wait_until(try_once, seconds * _MARGIN):
        raise UpgradeError(
            f"another upgrade of this hub is under way, by {lease.holder}: wait until it has ended"
        )


async def _keep(lease: Lease, seconds: float, give_up: Callable[[], Any]) -> None:
    while True:
        await asyncio.sleep(seconds / _RENEWALS)
        try:
            is_held = await lease.hold()
        except LeaseUnavailable:
            is_held = False
        if not is_held:
            give_up()
            return

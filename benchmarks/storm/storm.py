"""Starts that all begin at once, and when each server is ready."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from benchmarks.storm.audit import AuditLog, Calls, count_calls
from benchmarks.storm.processes import get_cpu_seconds, get_memory_mb
from benchmarks.storm.site import Site

LOOK_SECONDS = 0.25
# What a hub does after the last start has ended belongs to the starts.
SETTLE_SECONDS = 3
# Nothing new for so long: the hub is asked whether it still starts something.
DOUBT_SECONDS = 40


@dataclass(frozen=True)
class Storm:
    """What was measured. ``ready`` has seconds since the first request, by user.

    ``cpu`` is the hub's in seconds, ``memory`` what it has more than before in MiB, ``answered``
    after how many seconds one that was started again did so.
    """

    asked: int
    ready: dict[str, float]
    cpu: float
    memory: float
    calls: Calls = field(default_factory=Calls)
    answered: float | None = None


def run_storm(site: Site, names: Sequence[str], limit: float, is_profiled: bool = False) -> Storm:
    """Start all users' servers at once; return when all are ready, have failed, or at the limit."""
    pid = site.hub.process.pid
    log = AuditLog()
    memory, cpu = get_memory_mb(pid), get_cpu_seconds(pid)
    if is_profiled:
        site.toggle_profiler()
    ready = start_all(site, names, limit)
    time.sleep(SETTLE_SECONDS)
    if is_profiled:
        site.toggle_profiler()
        time.sleep(1)
    used = get_cpu_seconds(pid) - cpu
    # A server whose pod the hub has deleted since is no server.
    lasting = site.list_routes()
    return Storm(
        asked=len(names),
        ready={name: seconds for name, seconds in ready.items() if name in lasting},
        cpu=used,
        memory=get_memory_mb(pid) - memory,
        calls=count_calls(log.read(), site.api_user),
    )


def start_all(site: Site, names: Sequence[str], limit: float) -> dict[str, float]:
    """Ask for all servers at once; return after how many seconds each was ready."""
    return asyncio.run(_start_all(site, names, limit))


async def _start_all(site: Site, names: Sequence[str], limit: float) -> dict[str, float]:
    begun = time.monotonic()
    asking = asyncio.create_task(_ask_for_all(site, names))
    try:
        return await _watch(site, set(names), begun, limit)
    finally:
        asking.cancel()
        await asyncio.wait({asking})


async def _ask_for_all(site: Site, names: Sequence[str]) -> None:
    headers = {"Authorization": f"Bearer {site.hub.token}"}
    timeout = aiohttp.ClientTimeout(total=600)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        f"{site.hub.url}/hub/api/", headers=headers, timeout=timeout, connector=connector
    ) as session:
        await asyncio.gather(*(_ask(session, site, name) for name in names))


async def _ask(session: aiohttp.ClientSession, site: Site, name: str) -> None:
    # What is refused is not ready in the end, and counted so.
    async with session.post(f"users/{name}/server", json=dict(site.variant.options)) as answer:
        await answer.read()


async def _watch(site: Site, names: set[str], begun: float, limit: float) -> dict[str, float]:
    ready: dict[str, float] = {}
    doubt = begun + DOUBT_SECONDS
    while len(ready) < len(names) and time.monotonic() < begun + limit:
        await asyncio.sleep(LOOK_SECONDS)
        routes = await asyncio.to_thread(site.list_routes)
        now = time.monotonic()
        new = (routes & names) - set(ready)
        ready |= dict.fromkeys(new, now - begun)
        if new:
            doubt = now + DOUBT_SECONDS
        elif now > doubt:
            servers = await asyncio.to_thread(site.list_servers)
            if all(server["ready"] for server in servers):
                break
            doubt = now + DOUBT_SECONDS
    return ready

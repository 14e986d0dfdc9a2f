"""A hub that starts again while its servers run: how soon it answers, and all are reachable."""

import time
from collections.abc import Sequence

import requests

from benchmarks.storm.audit import AuditLog, count_calls
from benchmarks.storm.processes import get_cpu_seconds, get_memory_mb
from benchmarks.storm.site import Site
from benchmarks.storm.storm import LOOK_SECONDS, SETTLE_SECONDS, Storm, start_all

BATCH = 100


def measure_restart(site: Site, names: Sequence[str], limit: float) -> Storm:
    """Start all users' servers, then the hub anew; ``ready`` is when the proxy knows a server.

    The memory is that of the new hub, less that of one without servers. Raises RuntimeError if
    they do not start in the first place.
    """
    empty = get_memory_mb(site.hub.process.pid)
    site.add_users(names)
    for begin in range(0, len(names), BATCH):
        batch = names[begin : begin + BATCH]
        if missing := set(batch) - set(start_all(site, batch, limit)):
            raise RuntimeError(f"{len(missing)} servers did not start; there is no restart of them")
    site.hub.stop()
    log, begun = AuditLog(), time.monotonic()
    site.hub.launch_again()
    ready, answered = _watch(site, set(names), begun, limit)
    time.sleep(SETTLE_SECONDS)
    pid = site.hub.process.pid
    running = sum(server["ready"] for server in site.list_servers())
    return Storm(
        asked=len(names),
        ready=dict(sorted(ready.items(), key=lambda item: item[1])[:running]),
        cpu=get_cpu_seconds(pid),
        memory=get_memory_mb(pid) - empty,
        calls=count_calls(log.read(), site.api_user),
        answered=answered,
    )


def _watch(
    site: Site, names: set[str], begun: float, limit: float
) -> tuple[dict[str, float], float | None]:
    """After how many seconds the proxy knew each server, and the hub answered."""
    ready: dict[str, float] = {}
    answered = None
    while (len(ready) < len(names) or answered is None) and time.monotonic() < begun + limit:
        time.sleep(LOOK_SECONDS)
        if site.hub.process.poll() is not None:
            raise RuntimeError(f"the hub did not start again:\n{site.hub.tail()}")
        try:
            if answered is None and requests.get(f"{site.hub.url}/hub/api", timeout=30).ok:
                answered = time.monotonic() - begun
            routes = site.list_routes()
        except requests.RequestException:
            continue  # The proxy starts again too.
        new = (routes & names) - set(ready)
        ready |= dict.fromkeys(new, time.monotonic() - begun)
    return ready, answered

"""One look at all servers by each culler, and what it costs the hub."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from benchmarks.cull.accesses import Access, AccessLog
from benchmarks.cull.site import GATEWAY, IDLE_CULLER, Site
from jhub_gateway.culler.runs import FIRST_PASSES
from tests.fixtures.hub import find_free_port

FIRST, NEXT, ONCE = "first pass", "later pass", "--once"
VARIANTS = (FIRST, NEXT, ONCE, IDLE_CULLER)

_LIMIT_SECONDS = 180
# Who has asked nothing for so long is done.
_QUIET_SECONDS = 4
_INTERVAL = 4
# The service has asked all servers by then, though no two passes are as far apart as others.
_KNOWING_PASSES = FIRST_PASSES + 2
_END = "/hub/api/gateway/notices"
_ASKED = "jhub_gateway_cull_asked_total "


@dataclass(frozen=True)
class Row:
    """What one pass cost. ``seconds`` are from its first request until its last one's answer.

    ``hub_cpu_s`` is the hub's own processor time, without its proxy. ``asked`` is how many servers
    were asked how they are used; idle-culler asks none.
    """

    culler: str
    round: int
    servers: int
    requests: int
    seconds: float
    hub_cpu_s: float
    asked: int


def measure(site: Site, culler: str, number: int, servers: int) -> Row:
    """Measure a pass of the culler; raise RuntimeError if it fails or stops anything."""
    if culler == IDLE_CULLER:
        accesses, cpu, asked = _measure_idle_culler(site)
    elif culler == ONCE:
        accesses, cpu, asked = _measure_once(site)
    else:
        accesses, cpu, asked = _measure_service(site, culler == FIRST)
    if wrong := [one for one in accesses if one.status != 200 or one.method == "DELETE"]:
        raise RuntimeError(f"{culler} should find all servers in use, and did {wrong[0]}")
    seconds = max(one.ended for one in accesses) - min(one.began for one in accesses)
    return Row(culler, number, servers, len(accesses), seconds, cpu, asked)


def _measure_once(site: Site) -> tuple[list[Access], float, int]:
    """A pass that asks each server how it is used, as it knows of none."""
    log, cpu = site.open_log(GATEWAY), site.cpu_seconds
    command = _make_command("jhub_gateway", "cull", "--once")
    environment = _make_environment(site, GATEWAY)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"jhub-gateway cull: {done.stderr}")
    # "1000 servers, 1000 asked in 1.2 s: ..."
    return log.read(), site.cpu_seconds - cpu, int(done.stdout.split()[2])


def _measure_service(site: Site, is_first: bool) -> tuple[list[Access], float, int]:
    """A pass of the service as it runs: its first one, or one that knows how all are used."""
    log, cpu = site.open_log(GATEWAY), site.cpu_seconds
    port = find_free_port()
    words = ("cull", f"--interval={_INTERVAL}", f"--metrics-port={port}")
    skipped = 0 if is_first else _KNOWING_PASSES
    before, asked = 0, 0
    with _run(site, GATEWAY, "jhub_gateway", *words):
        if skipped:
            _wait_for(lambda: _count_passes(log) >= skipped)
            cpu, before, asked = site.cpu_seconds, len(log.read()), _read_asked(port)
        _wait_for(lambda: _count_passes(log) > skipped)
        cpu = site.cpu_seconds - cpu
        return log.read()[before:], cpu, _read_asked(port) - asked


def _read_asked(port: int) -> int:
    page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    [line] = [one for one in page.splitlines() if one.startswith(_ASKED)]
    return int(float(line.split()[1]))


def _measure_idle_culler(site: Site) -> tuple[list[Access], float, int]:
    log, cpu = site.open_log(IDLE_CULLER), site.cpu_seconds
    with _run(site, IDLE_CULLER, "jupyterhub_idle_culler"):
        _wait_for(lambda: _is_quiet(log.read()))
        return log.read(), site.cpu_seconds - cpu, 0


@contextmanager
def _run(site: Site, service: str, *words: str) -> Iterator[None]:
    process = subprocess.Popen(
        _make_command(*words),
        env=_make_environment(site, service),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{words[0]} has ended by itself")
    finally:
        process.terminate()
        process.wait()


def _make_command(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def _make_environment(site: Site, service: str) -> dict[str, str]:
    return {**os.environ, **site.make_environment(service)}


def _count_passes(log: AccessLog) -> int:
    return sum(one.path == _END for one in log.read())


def _is_quiet(accesses: Sequence[Access]) -> bool:
    return bool(accesses) and time.time() - accesses[-1].ended > _QUIET_SECONDS


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"a pass was not done in {_LIMIT_SECONDS} s")
        time.sleep(0.2)

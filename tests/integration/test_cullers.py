"""Three culling services, a real hub that is killed in the middle, and 200 servers."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from tests.fixtures.fake_servers import (
    STOPS,
    add_to_hub,
    make_fake_config,
    run_fake_servers,
)
from tests.fixtures.hub import Hub, find_free_port, start_hub

CULLERS = 3
TOKEN = "culler-token-0001"
COUNTS = {"idle": 60, "open": 10, "busy": 50, "used": 60, "silent": 10, "idle-kept": 10}
SCOPES = ["read:servers", "delete:servers"]
ROLES = f"""
c.JupyterHub.services += [{{"name": "culler", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles += [{{"name": "culler", "services": ["culler"], "scopes": {SCOPES}}}]
"""
POLICY = {
    "idle_after": 3600,
    "warn_before": 2,
    "grace_after_disconnect": 0,
    "keep_alive_step": 600,
    "keep_alive_max": 600,
}


def make_names(kind: str) -> list[str]:
    return [f"{kind}-{number}" for number in range(COUNTS[kind])]


@contextmanager
def run_culler(hub: Hub, log: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the service beside the hub, as an operator would."""
    environment = {
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": TOKEN,
    }
    options = ["--interval=0.4", "--Culler.max_backoff=1", f"--metrics-port={port}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jhub_gateway", "cull", *options],
            env={**os.environ, **environment},
            stderr=file,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for(is_so: Callable[[], object], hub: Hub, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, hub.tail()
        time.sleep(0.2)


def test_three_cullers_stop_each_server_once_though_the_hub_is_killed(tmp_path):
    directory, database = tmp_path / "servers", tmp_path / "hub.sqlite"
    stops = tmp_path / STOPS
    stops.touch()
    names = [name for kind in COUNTS for name in make_names(kind)]
    assert len(names) == 200
    with ExitStack() as stack:
        port = stack.enter_context(run_fake_servers())
        add_to_hub(database, directory, port, names, [])
        config = make_fake_config(directory, port, cull=POLICY) + ROLES
        hub = start_hub(tmp_path, config)
        stack.callback(lambda: hub.stop())
        wait_for(lambda: count_ready(hub) == 200, hub)
        logs = [tmp_path / f"culler-{number}.log" for number in range(CULLERS)]
        ports = [find_free_port() for _ in logs]
        cullers = [
            stack.enter_context(run_culler(hub, log, port))
            for log, port in zip(logs, ports, strict=True)
        ]
        wait_for(lambda: len(read(stops)) > 20, hub)
        hub.kill()
        killed_at = len(read(stops))
        hub.restart()
        wait_for(lambda: keep_all(hub, make_names("idle-kept")), hub)
        goal = {*make_names("idle"), *make_names("open")}
        wait_for(lambda: goal <= set(read(stops)), hub)
        # Nothing more comes in as much time as all of it took.
        time.sleep(3)
        assert all(culler.poll() is None for culler in cullers)
        numbers = [read_metrics(port) for port in ports]
    found = Counter(read(stops))
    assert 0 < killed_at < len(goal)
    assert set(found) == goal
    assert set(found.values()) == {1}
    assert {path.name for path in directory.iterdir()} == {*names} - goal
    # Stops that were let through as the hub was killed were let through again by the next one.
    assert sum(one.get('stops_total{cause="idle"}', 0) for one in numbers) > killed_at
    assert sum(one["refused_total"] for one in numbers) > 0
    assert all(one['passes_total{result="failed"}'] > 0 for one in numbers)
    text = "".join(log.read_text() for log in logs)
    assert "Traceback" not in text
    assert TOKEN not in text


def count_ready(hub: Hub) -> int:
    answer = hub.api("GET", "/gateway/servers?limit=1000", TOKEN)
    return len(answer.json()["servers"]) if answer.ok else 0


def keep_all(hub: Hub, users: list[str]) -> bool:
    """Keep those of the users' servers that are warned of; return whether all are kept by now."""
    for server in hub.api("GET", "/gateway/servers?limit=1000", TOKEN).json()["servers"]:
        if server["user"] in users and server["warned_for"] is not None:
            named = {key: server[key] for key in ("user", "server")}
            hub.api("POST", "/gateway/keep", json=named)
    servers = hub.api("GET", "/gateway/servers?limit=1000", TOKEN).json()["servers"]
    return sum(bool(one["granted"]) for one in servers) == len(users)


def read(path: Path) -> list[str]:
    return path.read_text().split()


def read_metrics(port: int) -> dict[str, float]:
    page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("jhub_gateway"))
    return {name.removeprefix("jhub_gateway_cull_"): float(value) for name, value in lines}

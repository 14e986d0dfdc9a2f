"""Three culling services, a real hub that is killed in the middle, and 200 servers."""

import os
import sqlite3
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
ACCOUNTS = ["list:users", "read:users:activity", "delete:users"]
ROLES = """
c.JupyterHub.services += [{{"name": "culler", "api_token": "{token}"}}]
c.JupyterHub.load_roles += [{{"name": "culler", "services": ["culler"], "scopes": {scopes}}}]
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


def make_environment(hub: Hub) -> dict[str, str]:
    return {
        **os.environ,
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": TOKEN,
    }


@contextmanager
def run_culler(hub: Hub, log: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the service beside the hub, as an operator would."""
    options = ["--interval=0.4", "--Culler.max_backoff=1", f"--metrics-port={port}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jhub_gateway", "cull", *options],
            env=make_environment(hub),
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
        config = make_fake_config(directory, port, cull=POLICY)
        config += ROLES.format(token=TOKEN, scopes=SCOPES)
        hub = start_hub(tmp_path, config)
        stack.callback(lambda: hub.stop())
        wait_for(lambda: count_ready(hub) == 200, hub)
        logs = [tmp_path / f"culler-{number}.log" for number in range(CULLERS)]
        ports = [find_free_port() for _ in logs]
        cullers = [
            stack.enter_context(run_culler(hub, log, port))
            for log, port in zip(logs, ports, strict=True)
        ]
        kept: set[str] = set()
        wait_for(lambda: keep_warned(hub, kept) or len(read(stops)) > 20, hub)
        hub.kill()
        killed_at = len(read(stops))
        hub.restart()
        goal = {*make_names("idle"), *make_names("open")}
        wait_for(lambda: keep_warned(hub, kept) or goal <= set(read(stops)), hub)
        # Nothing more comes in the passes that follow.
        time.sleep(3)
        assert all(culler.poll() is None for culler in cullers)
        numbers = [read_metrics(port) for port in ports]
    found = Counter(read(stops))
    # A keeper that came too late is no fault of theirs.
    late = {*make_names("idle-kept")} - kept
    assert kept
    assert 0 < killed_at < len(goal)
    assert goal <= set(found) <= goal | late
    assert set(found.values()) == {1}
    assert {path.name for path in directory.iterdir()} == {*names} - set(found)
    # Stops that were let through as the hub was killed were let through again by the next one.
    assert sum(one.get('stops_total{cause="idle"}', 0) for one in numbers) > killed_at
    assert sum(one["refused_total"] for one in numbers) > 0
    assert all(one['passes_total{result="failed"}'] > 0 for one in numbers)
    text = "".join(log.read_text() for log in logs)
    assert "Traceback" not in text
    assert TOKEN not in text


def test_accounts_that_nobody_uses_are_removed_with_the_scopes_that_are_documented(tmp_path):
    database = tmp_path / "hub.sqlite"
    with ExitStack() as stack:
        port = stack.enter_context(run_fake_servers())
        add_to_hub(
            database, tmp_path / "servers", port, ["used-0"], ["old", "chief", "never", "new"]
        )
        connection = sqlite3.connect(database)
        for name, year in (("used-0", 2020), ("old", 2020), ("chief", 2020), ("new", 2100)):
            row = (f"{year}-01-01 00:00:00.000000", name)
            connection.execute("update users set last_activity = ? where name = ?", row)
        connection.execute("update users set admin = 1 where name = 'chief'")
        connection.commit()
        connection.close()
        config = make_fake_config(tmp_path / "servers", port)
        config += ROLES.format(token=TOKEN, scopes=SCOPES + ACCOUNTS)
        hub = start_hub(tmp_path, config)
        stack.callback(hub.stop)
        wait_for(lambda: count_ready(hub) == 1, hub)
        command = [sys.executable, "-m", "jhub_gateway", "cull", "--once"]
        options = ["--unknown-after-days=100", "--remove-users"]
        done = subprocess.run(
            [*command, *options], env=make_environment(hub), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1:] == [
            "1 accounts were not used for 100 days: old",
            "removed 1 of them; their homes are kept",
        ]
        left = {user["name"] for user in hub.api("GET", "/users").json()}
    assert left == {"used-0", "chief", "never", "new"}


def count_ready(hub: Hub) -> int:
    answer = hub.api("GET", "/gateway/servers?limit=1000", TOKEN)
    return len(answer.json()["servers"]) if answer.ok else 0


def keep_warned(hub: Hub, kept: set[str]) -> None:
    """Keep what is warned of among those that are to be kept; add them to ``kept``."""
    for server in hub.api("GET", "/gateway/servers?limit=1000", TOKEN).json()["servers"]:
        user = server["user"]
        if user.startswith("idle-kept") and user not in kept and server["warned_for"] is not None:
            body = {"user": user, "server": server["server"]}
            if hub.api("POST", "/gateway/keep", json=body).ok:
                kept.add(user)


def read(path: Path) -> list[str]:
    return path.read_text().split()


def read_metrics(port: int) -> dict[str, float]:
    page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("jhub_gateway"))
    return {name.removeprefix("jhub_gateway_cull_"): float(value) for name, value in lines}

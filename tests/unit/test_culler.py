"""The culling service as a process: its start, its end, and what lies between."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests

from jhub_gateway.cli import main
from jhub_gateway.culler.app import Culler
from jhub_gateway.errors import ConfigurationError
from tests.fixtures.hub import find_free_port
from tests.unit.cull_api_server import IDLE, IN_USE, TOKEN, CullHub, Server, run_cull_hub, serve

WARNED = {"warned_for": 700.0}


@pytest.fixture
async def hub() -> AsyncIterator[CullHub]:
    async with run_cull_hub() as hub:
        yield hub


@asynccontextmanager
async def launch(hub: CullHub, *arguments: str, token: str = TOKEN, **environment: str):
    """Run the command; end it with the test if it has not ended."""
    own = {"JUPYTERHUB_API_URL": f"{hub.url}/hub/api", "JUPYTERHUB_API_TOKEN": token}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jhub_gateway", "cull", *arguments),
        env={**os.environ, **own, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(hub: CullHub, *arguments: str, **more: str) -> tuple[int | None, str, str]:
    """Run the command to its end; return its status and what it wrote."""
    async with launch(hub, *arguments, **more) as process:
        out, log = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, out.decode(), log.decode()


async def wait_for(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_once_it_looks_once_and_says_what_it_did(hub):
    hub.add(Server("ada", answer=dict(IDLE), **WARNED), Server("bob"))
    status, out, log = await run(hub, "--once")
    assert status == 0
    assert out.startswith("2 servers, 2 asked in ")
    assert ": 1 stopped, 0 refused by the hub, 0 warned of" in out
    assert hub.stopped == {"ada::aaaa": 1}
    assert "Stopped ada (idle: unused for 2 hours" in log
    assert TOKEN not in out + log
    assert "open sesame" not in out + log


async def test_a_dry_run_changes_nothing_and_shows_what_would_be(hub):
    hub.add(
        Server("ada", answer=dict(IDLE), **WARNED),
        Server("bob", name="thesis", profile="large", answer=dict(IDLE)),
        Server("eve", answer=500),
        Server("joe", answer=dict(IN_USE), **WARNED),
    )
    hub.scopes += ["list:users", "read:users:activity", "delete:users"]
    hub.users = [make_user("old", 400)]
    arguments = ("--once", "--dry-run", "--unknown-after-days=365", "--remove-users")
    status, out, _ = await run(hub, *arguments)
    assert status == 0
    assert {call.partition(" ")[0] for call in hub.calls} == {"GET"}
    assert all(server.bodies == [{}] for server in hub.servers.values())
    table = [re.split(r"  +", line) for line in out.splitlines()]
    use = "unused for 2 hours, no page open for 2 hours"
    assert table == [
        ["USER", "SERVER", "PROFILE", "WOULD", "CAUSE", "STOPS IN", "USE"],
        ["ada", "small", "be stopped", "idle", "0 seconds", use],
        ["bob", "thesis", "large", "be warned of", "idle", "10 minutes", use],
        ["eve", "small", "be asked again", "idle", "1 hour", "its use is not known"],
        ["joe", "small", "not stop any more", "idle", "1 hour", "unused for 0 seconds"],
        [
            "dry run, nothing is changed: of 4 servers 1 would be stopped and 1 be warned of; "
            "1 did not say how they are used"
        ],
        ["USER", "UNUSED FOR"],
        ["old", "400 days"],
        [
            "1 accounts were not used for 365 days: they would be removed; their homes are kept",
        ],
    ]


@pytest.mark.parametrize(
    ("scopes", "arguments", "missing"),
    [
        ([], (), ["read:servers (to list", "delete:servers (to warn"]),
        (["read:servers", "delete:servers!user=ada"], (), ["delete:servers (to warn"]),
        (
            ["read:servers", "delete:servers"],
            ("--unknown-after-days=9", "--remove-users"),
            ["list:users (to list", "read:users:activity (to see", "delete:users (to remove"],
        ),
    ],
)
async def test_each_scope_that_is_missing_is_named_at_the_start(hub, scopes, arguments, missing):
    hub.scopes = scopes
    status, _, log = await run(hub, *arguments)
    assert status == 1
    assert re.findall(r"[a-z:]+ \(to [a-z]+", log) == missing
    assert "hub.loadRoles" in log


async def test_a_token_that_the_hub_does_not_know_ends_it(hub):
    status, _, log = await run(hub, token="f0re1gn")
    assert status == 1
    assert "does not know the token of JUPYTERHUB_API_TOKEN" in log
    assert "f0re1gn" not in log


async def test_it_waits_for_a_hub_outlives_its_faults_and_ends_at_sigterm(hub):
    hub.is_down = True
    async with launch(hub, "--interval=0.1", "--Culler.max_backoff=0.3") as process:
        await wait_for(lambda: len(hub.calls) > 2)
        hub.is_down = False
        await wait_for(lambda: hub.notices)
        hub.is_down = True
        await asyncio.sleep(0.5)
        # What was allowed at the start and is not any more, is an operator's to mend meanwhile.
        hub.is_down, hub.token = False, "another"
        await asyncio.sleep(0.5)
        hub.token = TOKEN
        count = len(hub.notices)
        await wait_for(lambda: len(hub.notices) > count + 2)
        hub.add(Server("slow", answer=None))
        await wait_for(lambda: hub.servers["slow", ""].bodies)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, log = await asyncio.wait_for(process.communicate(), 10)
    assert time.monotonic() - begun < 3
    assert process.returncode == 0
    assert out.decode() == "the culler has ended\n"
    assert "The hub is not there yet" in log.decode()
    assert "503 down" in log.decode()
    assert "403 Missing or invalid credentials." in log.decode()
    assert "Traceback" not in log.decode()


async def test_prometheus_is_told(hub):
    hub.add(
        Server("ada", answer=dict(IDLE), **WARNED),
        Server("bob", answer=dict(IDLE)),
        Server("eve", answer=500),
    )
    port = find_free_port()
    options = ("--interval=0.2", "--Culler.metrics_ip=127.0.0.1", f"--metrics-port={port}")
    async with launch(hub, *options):
        bob, eve = hub.servers["bob", ""], hub.servers["eve", ""]
        await wait_for(lambda: bob.warned_for is not None and eve.bodies)
        count = len(hub.notices)
        await wait_for(lambda: len(hub.notices) > count + 4)
        page = await asyncio.to_thread(requests.get, f"http://127.0.0.1:{port}/metrics", timeout=5)
    told = dict(line.rsplit(" ", 1) for line in page.text.splitlines() if line[:1] != "#")
    wanted = {
        "servers": 2,
        "unknown_servers": 1,
        "warnings_total": 1,
        'stops_total{cause="idle"}': 1,
        "refused_total": 0,
        "is_leader": 1,
    }
    assert {key: float(told[f"jhub_gateway_cull_{key}"]) for key in wanted} == wanted
    last = float(told["jhub_gateway_cull_last_pass_timestamp_seconds"])
    assert abs(last - time.time()) < 30
    passes = float(told['jhub_gateway_cull_passes_total{result="done"}'])
    assert passes == float(told["jhub_gateway_cull_pass_seconds_count"]) > 5
    # Bob, who is warned, at each of the last passes; no more than the servers have heard.
    heard = sum(len(server.bodies) for server in hub.servers.values())
    assert 4 <= float(told["jhub_gateway_cull_asked_total"]) <= heard


async def test_servers_can_be_asked_by_way_of_the_proxy(hub):
    server = Server("ada", name="a b")
    hub.add(server)
    real, hub.url = hub.url, "http://198.51.100.1:8888"
    status, out, _ = await run(
        hub, "--once", f"--proxy-url={real}/", JUPYTERHUB_API_URL=f"{real}/hub/api"
    )
    assert status == 0
    assert "0 silent" in out
    assert len(server.bodies) == 1


def make_user(name: str, days: float | None, **more):
    last = datetime.now(UTC) - timedelta(days=days) if days is not None else None
    user = {"kind": "user", "name": name, "admin": False, "servers": {}}
    time_of = last.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if last else None
    return user | {"last_activity": time_of} | more


@pytest.fixture
def accounts(hub) -> CullHub:
    hub.scopes += ["list:users", "read:users:activity"]
    hub.users = [
        make_user("never", None),
        make_user("made-long-ago", None, created="2020-01-01T00:00:00.000000Z"),
        make_user("admin", 900, admin=True),
        make_user("at-work", 900, servers={"": {}}),
        make_user("old", 101),
        make_user("ancient", 5000),
        *(make_user(f"new-{number}", 99) for number in range(1000)),
    ]
    return hub


async def test_accounts_are_listed_and_stay(accounts):
    status, out, _ = await run(accounts, "--once", "--unknown-after-days=100")
    assert status == 0
    said = "3 accounts were not used for 100 days: made-long-ago, ancient, old"
    assert out.splitlines()[1] == said
    assert len(accounts.users) == 1006
    # They come by their last activity: not all of them are listed for three.
    assert accounts.calls.count("GET /hub/api/users") == 1


async def test_accounts_are_removed_if_that_is_asked_for(accounts):
    accounts.scopes.append("delete:users")
    before = {user["name"] for user in accounts.users}
    status, out, log = await run(accounts, "--once", "--unknown-after-days=100", "--remove-users")
    assert status == 0
    after = {user["name"] for user in accounts.users}
    assert before - after == {"made-long-ago", "ancient", "old"}
    assert out.splitlines()[2] == "removed 3 of them; their homes are kept"
    assert "Removed the account old; its home is kept" in log


async def test_who_comes_back_before_the_removal_stays(accounts):
    accounts.scopes.append("delete:users")
    (old,) = (user for user in accounts.users if user["name"] == "old")
    # Once the list is read, the first one is looked at again.
    accounts.after_list = lambda: old.update(last_activity=datetime.now(UTC).isoformat())
    _, out, _ = await run(accounts, "--once", "--unknown-after-days=100", "--remove-users")
    assert "removed 2 of them" in out
    assert old in accounts.users


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--interval=0"], "Culler.interval is 0: give more than 0 seconds"),
        (["--Culler.page_size=1001"], "Culler.page_size is 1001: give a number from 1 to 1000"),
        (["--unknown-after-days=0.5"], "give at least 1 day"),
        (["--remove-users"], "say after how many days"),
        (["--config=nothing.py"], "nothing.py: there is no such file"),
    ],
)
def test_a_setting_that_cannot_work_is_named(arguments, said, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:1/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    assert main(["cull", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_token_is_needed_and_never_shown(capsys, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:1/hub/api")
    assert main(["cull", "--once"]) == 1
    assert "JUPYTERHUB_API_TOKEN is not set" in capsys.readouterr().err
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ge\theim")
    assert main(["cull", "--once"]) == 1
    assert "geheim" not in capsys.readouterr().err.replace("\t", "")


def test_settings_come_from_a_file_and_what_is_typed_counts_more(tmp_path):
    path = tmp_path / "culler.py"
    path.write_text("c.Culler.interval = 5\nc.Culler.page_size = 7\n")
    culler = Culler()
    culler._read([f"--config={path}", "--interval=9"])
    assert (culler.interval, culler.page_size) == (9, 7)


def test_a_wrong_setting_in_a_file_is_named(tmp_path):
    path = tmp_path / "culler.py"
    path.write_text("c.Culler.concurrency = 0\n")
    with pytest.raises(ConfigurationError, match=r"Culler\.concurrency is 0"):
        Culler()._read([f"--config={path}"])


async def test_three_for_200_servers_stop_each_once_though_the_hub_is_restarted():
    hub = CullHub()
    answers = {
        "idle": IDLE,
        "open": IDLE | {"disconnected_for": 0},
        "busy": IDLE | {"busy_for": 10},
        "used": IN_USE,
        "silent": 500,
        "kept": IDLE,
        "again": IDLE,
    }
    counts = dict.fromkeys(answers, 10) | {"idle": 100, "busy": 50}
    for kind, count in counts.items():
        hub.add(*(Server(f"{kind}-{number}", answer=answers[kind]) for number in range(count)))
    assert len(hub.servers) == 200

    async def interfere(order):
        server = hub.servers.get((order["user"], ""))
        # At the last moment their users keep them, or start them anew.
        if order["user"].startswith("kept") and server and not server.granted:
            server.granted, server.kept_for, server.warned_for = 1e6, 1e6, None
        if order["user"].startswith("again") and server and server.run == "aaaa":
            hub.add(Server(server.user, run="bbbb"))

    async def run_clock():
        while True:
            await asyncio.sleep(0.1)
            for server in hub.servers.values():
                if server.warned_for is not None:
                    server.warned_for += 100

    hub.before_stop = interfere
    goal = {f"{kind}-{number}::aaaa" for kind in ("idle", "open") for number in range(counts[kind])}
    clock = asyncio.create_task(run_clock())
    async with AsyncExitStack() as stack:
        async with serve(hub) as port:
            options = ("--interval=0.3", "--Culler.max_backoff=0.5", "--Culler.concurrency=3")
            cullers = [await stack.enter_async_context(launch(hub, *options)) for _ in range(3)]
            await wait_for(lambda: len(hub.stopped) > 20, 30)
        assert len(hub.stopped) < len(goal)
        for server in hub.servers.values():
            server.warned_for = None  # Only its memory had that.
        await asyncio.sleep(0.5)
        async with serve(hub, port):
            await wait_for(lambda: goal <= hub.stopped.keys(), 30)
            count = len(hub.notices)
            await wait_for(lambda: len(hub.notices) > count + 6, 30)
            logs = [await end(culler) for culler in cullers]
    clock.cancel()
    assert hub.stopped == dict.fromkeys(goal, 1)
    assert len(hub.servers) == 200 - len(goal)
    assert hub.refusals
    told = [line for log in logs for line in log.splitlines() if "] Stopped " in line]
    # The answers to some were lost when the hub ended.
    assert len(goal) - 9 <= len(told) <= len(goal)
    assert "Traceback" not in "".join(logs)


async def end(process: asyncio.subprocess.Process) -> str:
    """End a culler; return its log."""
    process.terminate()
    _, log = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    return log.decode()


async def test_it_needs_no_jupyterhub_in_its_process():
    code = "import sys, jhub_gateway.cli, jhub_gateway.culler.app; print(sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    for name in ("jupyterhub", "kubespawner", "kubernetes_asyncio", "sqlalchemy"):
        assert f"'{name}'" not in out.decode()

"""Real processes: what a server leaves running is ended, and nobody else's process is."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from jupyterhub.app import JupyterHub
from tornado.web import HTTPError

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.process_spawner import ProcessGatewaySpawner
from jhub_gateway.local.processes import find_processes
from tests.unit.local.servers import give_database, make_spawner, require_cgroup

# Like a kernel that ignores signals, in a session of its own.
WITH_CHILD = """
import signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", '''
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
open("child", "w").close()
time.sleep(600)
'''], start_new_session=True)
time.sleep(600)
"""


async def wait_for(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen within 10 seconds")


@pytest.mark.parametrize("method", ["rlimit", "cgroup"])
async def test_stop_ends_kernels_too(tmp_path: Path, method: str) -> None:
    if method == "cgroup":
        require_cgroup()
    spawner = make_spawner(tmp_path, code=WITH_CHILD, memory_limit_method=method)
    await spawner.start()
    spawn_id = spawner.spawn_id
    await wait_for((spawner.home / "child").exists)
    assert len(find_processes(spawn_id)) == 2
    await spawner.stop()
    assert find_processes(spawn_id) == set()
    assert spawner.memory_limit.remove_stale() == []


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
async def test_poll_ends_what_outlived_a_crash(tmp_path: Path, code: str) -> None:
    ending = WITH_CHILD.removesuffix("time.sleep(600)\n") + f"sys.stdin.readline()\n{code}\n"
    reader, writer = os.pipe()
    spawner = make_spawner(tmp_path, code=ending, popen_kwargs={"stdin": reader})
    await spawner.start()
    spawn_id = spawner.spawn_id
    await wait_for((spawner.home / "child").exists)
    os.close(reader)
    os.close(writer)
    spawner.proc.wait(5)
    assert find_processes(spawn_id)
    assert await spawner.poll() in (3, -9)
    assert find_processes(spawn_id) == set()


async def test_a_hub_that_restarts_finds_its_server_and_can_stop_it(tmp_path: Path) -> None:
    before = make_spawner(tmp_path, code=WITH_CHILD)
    await before.start()
    after = make_spawner(tmp_path)
    after.load_state(before.get_state())
    assert await after.poll() is None
    spawn_id = after.spawn_id
    stopping = asyncio.ensure_future(after.stop())
    await wait_for(lambda: before.proc.poll() is not None)  # reaps: the old hub is its parent
    await stopping
    assert find_processes(spawn_id) == set()
    assert await after.poll() == 0


async def test_a_number_that_is_anothers_process_by_now_is_left_alone(tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        spawner = make_spawner(tmp_path)
        spawner.load_state({"pid": bystander.pid, "spawn_id": "0123456789abcdef"})
        assert await spawner.poll() == 0
        await spawner.stop()
        assert bystander.returncode is None
        os.kill(bystander.pid, 0)
    finally:
        bystander.kill()
        await bystander.wait()


async def test_a_server_starts_in_its_home(tmp_path: Path) -> None:
    code = "import os; open('where', 'w').write(os.getcwd())"
    spawner = make_spawner(tmp_path, code=code)
    address, port = await spawner.start()
    assert (address, port) == ("127.0.0.1", spawner.port)
    spawner.proc.wait(5)
    assert (tmp_path / "homes/ada/where").read_text() == str(tmp_path / "homes/ada")
    assert await spawner.poll() == 0


async def test_a_home_that_is_a_link_is_refused_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = make_spawner(tmp_path / "data")
    await spawner.start()
    await spawner.stop()
    spawner.home.rmdir()
    spawner.home.symlink_to(tmp_path)
    spawner.log.propagate = True
    with pytest.raises(HTTPError) as refusal:
        await spawner.start()
    assert "can't be opened safely" in refusal.value.jupyterhub_message
    assert str(tmp_path) not in refusal.value.jupyterhub_message
    assert f"{spawner.home} is a symbolic link" in caplog.text


def make_app(tmp_path: Path, **settings: object) -> JupyterHub:
    app = JupyterHub(bind_url="http://127.0.0.1:8000")
    give_database(app)
    app.config.ProcessGatewaySpawner.update(
        {"data_directory": str(tmp_path / "data"), "args": ["--allow-root"], **settings}
    )
    return app


@pytest.fixture(autouse=True)
def no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's hub has opened is gone for the next."""
    monkeypatch.setattr(ProcessGatewaySpawner, "ledger", None)
    monkeypatch.setattr(ProcessGatewaySpawner, "_counting", None)


async def test_the_hub_says_what_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(tmp_path, memory_limit_method="rlimit")
    app.log.propagate = True
    ProcessGatewaySpawner.prepare_at_start(app)
    assert "under the hub's own account" in caplog.text
    assert "RLIMIT_DATA" in caplog.text
    assert (tmp_path / "data").is_dir()


async def test_a_data_directory_that_others_may_use_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(tmp_path, memory_limit_method="rlimit")
    app.log.propagate = True
    ProcessGatewaySpawner.prepare_at_start(app)
    assert "chmod" not in caplog.text
    (tmp_path / "data").chmod(0o755)
    ProcessGatewaySpawner.prepare_at_start(app)
    assert f"chmod 700 {tmp_path}/data" in caplog.text


def test_the_hub_refuses_to_listen_on_the_network(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.bind_url = "http://0.0.0.0:8000"
    with pytest.raises(ConfigurationError, match="allow_shared_account_on_network"):
        ProcessGatewaySpawner.check_at_start(app)
    app.config.ProcessGatewaySpawner.allow_shared_account_on_network = True
    ProcessGatewaySpawner.check_at_start(app)


def test_root_is_refused_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(ConfigurationError, match="--allow-root"):
        ProcessGatewaySpawner.check_at_start(make_app(tmp_path, args=[]))


def test_the_memory_limit_can_not_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="preexec_fn"):
        make_spawner(tmp_path, popen_kwargs={"preexec_fn": print})


def test_systemd_is_named_where_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs systemd as the init system"):
        ProcessGatewaySpawner.prepare_at_start(make_app(tmp_path, memory_limit_method="systemd"))


async def test_two_users_have_two_homes(tmp_path: Path) -> None:
    homes = {make_spawner(tmp_path, name=name).home for name in ("ada.b", "ada-b", "Ada.b")}
    assert len(homes) == 3


async def test_a_disk_without_room_for_run_files_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawner = make_spawner(tmp_path / "data")

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spawner, "make_runtime", fail)
    with pytest.raises(HTTPError) as refusal:
        await spawner.start()
    assert "storage is full" in refusal.value.jupyterhub_message


async def test_a_file_in_the_place_of_a_link_stops_no_start(tmp_path: Path) -> None:
    spawner = make_spawner(tmp_path, datasets=[{"name": "survey"}])
    (tmp_path / "datasets/survey").mkdir()
    (tmp_path / "views/ada").mkdir(parents=True)
    (tmp_path / "views/ada/datasets").write_text("mine")
    await spawner.start()
    await spawner.stop()
    assert (tmp_path / "views/ada/datasets").read_text() == "mine"

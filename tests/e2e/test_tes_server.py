"""The TES server of the tests: tasks are Jobs with real pods; the client is py-tes, unchanged."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from tes import Executor, HTTPClient, Input, Output, Resources, Task

from tests.cluster.versions import USER_IMAGE
from tests.e2e.lab import wait_until
from tests.fixtures.ftp_server import FtpServer
from tests.fixtures.gateway_client import exchange, log_in
from tests.fixtures.protected_service import VALID
from tests.fixtures.tes.server import API, TesServer
from tests.fixtures.tes.transfer import FtpAccount

PASSWORD = "own-password-of-tes"
SUM = "import sys; print(sum(map(int, open('/data/in.txt'))))"
HALVE = """
import os
text = f"{open('what.txt').read()} {int(input()) // 2}"
open(os.environ["TARGET"], "w").write(text)
"""
SLOW = "import time; time.sleep(600)"


@pytest.fixture
def files(tmp_path) -> Path:
    """What the FTP server has, as this machine sees it."""
    return tmp_path / "files"


@pytest.fixture
def ftp(make_ftp_server, files) -> FtpServer:
    made = make_ftp_server()
    made.add_account("tes", PASSWORD, files)
    return made


@pytest.fixture
def tes(make_tes_server, node_namespace, ftp) -> TesServer:
    account = FtpAccount(f"{ftp.host}:{ftp.port}", "tes", PASSWORD)
    return make_tes_server(node_namespace, account)


@pytest.fixture
def make_client(make_identity_provider, make_protected_proxy, tes) -> Callable[[str], HTTPClient]:
    """Clients of users, with the tokens that the hub would exchange for them."""
    provider = make_identity_provider(exchange_audiences=["tes"])
    proxy = make_protected_proxy(provider, tes.url, audience="tes")

    def make(name: str) -> HTTPClient:
        login = log_in(provider, provider.accounts[name])["access_token"]
        token = exchange(provider, login, audience="tes").json()["access_token"]
        return HTTPClient(f"{proxy.url}{API}", timeout=30, token=token)

    yield make
    assert set(proxy.count_outcomes()) == {VALID}


def make_executor(code: str, **more: object) -> Executor:
    return Executor(image=USER_IMAGE, command=["python3", "-c", code], **more)


def make_task(*codes: str, **more: object) -> Task:
    return Task(executors=[make_executor(code) for code in codes], **more)


def wait_for(client: HTTPClient, task: str) -> Task:
    """All of the task, once it has ended."""
    client.wait(task, timeout=180)
    return client.get_task(task, "FULL")


def test_files_come_and_go_by_ftp_and_executors_run_one_after_another(
    make_client, ftp, files, node_namespace
):
    (files / "in.txt").write_text("20\n22\n")
    client = make_client("ada")
    task = Task(
        name="sum",
        inputs=[
            Input(url=f"{ftp.url}/in.txt", path="/data/in.txt"),
            Input(content="half", path="/data/what.txt"),
        ],
        outputs=[Output(url=f"{ftp.url}/results/first/out.txt", path="/data/deep/out.txt")],
        executors=[
            make_executor(SUM, stdout="/between/sum.txt"),
            make_executor(
                HALVE,
                stdin="/between/sum.txt",
                workdir="/data",
                env={"TARGET": "/data/deep/out.txt"},
            ),
        ],
        resources=Resources(ram_gb=0.2),
    )
    done = wait_for(client, client.create_task(task))
    assert done.state == "COMPLETE", done
    assert (files / "results/first/out.txt").read_text() == "half 21"
    (log,) = done.logs
    assert [each.exit_code for each in log.logs] == [0, 0]
    assert log.logs[0].stdout == "42\n"
    assert log.start_time <= log.logs[0].start_time <= log.logs[0].end_time <= log.end_time
    assert [(each.path, each.size_bytes) for each in log.outputs] == [("/data/deep/out.txt", 7)]

    # Each ran as a pod, which can be looked at.
    def list_phases() -> list[str]:
        pods = node_namespace.get("pods", f"-l=tes/task={done.id}")["items"]
        return [pod["status"]["phase"] for pod in pods]

    wait_until(lambda: list_phases() == ["Succeeded", "Succeeded"], 30)
    # Nothing of it is left on the server's disk.
    assert not list((node_namespace.share / "tasks").glob("*/files"))


def test_what_fails_says_so_and_where(make_client, ftp, files):
    client = make_client("ada")
    absent = f"{ftp.url}/absent.txt"
    tasks = {
        "failed": make_task("print('so far'); 1 / 0", SUM),
        "ignored": Task(executors=[make_executor("1 / 0", ignore_error=True), make_executor("1")]),
        "no image": Task(executors=[Executor("no.such.registry.invalid/x:1", ["true"])]),
        "no program": Task(executors=[Executor(USER_IMAGE, ["no-such-program"])]),
        "no input": make_task("1", inputs=[Input(url=absent, path="/data/in.txt")]),
        "no output": make_task("1", outputs=[Output(url=absent, path="/data/out.txt")]),
        "elsewhere": make_task("1", inputs=[Input(url="ftp://127.0.0.1:9/a", path="/data/a")]),
        "memory": make_task("bytearray(10**9)", resources=Resources(ram_gb=0.1)),
    }
    made = {name: client.create_task(task) for name, task in tasks.items()}
    done = {name: wait_for(client, task) for name, task in made.items()}

    log = done["failed"].logs[0]
    assert done["failed"].state == "EXECUTOR_ERROR"
    assert [each.exit_code for each in log.logs] == [1]
    assert log.logs[0].stdout == "so far\n"
    assert "ZeroDivisionError" in log.logs[0].stderr
    assert done["ignored"].state == "COMPLETE"
    assert [each.exit_code for each in done["ignored"].logs[0].logs] == [1, 0]
    assert done["no program"].state == "EXECUTOR_ERROR"
    assert done["no program"].logs[0].logs[0].exit_code == 127
    assert done["memory"].state == "EXECUTOR_ERROR"
    assert done["memory"].logs[0].logs[0].exit_code == 137
    sentences = {
        "no image": "no.such.registry.invalid/x:1 can't be had",
        "no input": "550",
        "no output": "no executor has written this file",
        "elsewhere": "no account at 127.0.0.1:9",
    }
    for name, sentence in sentences.items():
        assert done[name].state == "SYSTEM_ERROR", name
        assert sentence in done[name].logs[0].system_logs[0]
        assert PASSWORD not in done[name].as_json()
    assert not (files / "absent.txt").exists()


def test_a_task_that_is_cancelled_ends_with_its_pod(make_client, node_namespace):
    client = make_client("ada")
    task = client.create_task(make_task(SLOW))
    wait_until(lambda: client.get_task(task, "MINIMAL").state == "RUNNING", 120)
    (pod,) = node_namespace.get("pods", f"-l=tes/task={task}")["items"]
    assert pod["status"]["phase"] == "Running"
    client.cancel_task(task)
    assert client.get_task(task, "MINIMAL").state == "CANCELED"
    wait_until(lambda: not node_namespace.get("pods", f"-l=tes/task={task}")["items"], 60)
    # Once more, and at once after it was made: nothing goes on.
    client.cancel_task(task)
    again = client.create_task(make_task(SLOW))
    client.cancel_task(again)
    assert wait_for(client, again).state == "CANCELED"


def test_users_see_their_own_tasks_and_the_server_says_what_it_is(make_client, tes):
    ada, grace = make_client("ada"), make_client("grace")
    task = ada.create_task(make_task("1"))
    assert [each.id for each in ada.list_tasks().tasks] == [task]
    assert grace.list_tasks().tasks == []
    with pytest.raises(requests.HTTPError, match="404"):
        grace.get_task(task)
    with pytest.raises(requests.HTTPError, match="404"):
        grace.cancel_task(task)
    assert ada.get_service_info().type["artifact"] == "tes"
    bad = requests.post(f"{tes.url}{API}/tasks", "{}", timeout=10)
    assert bad.status_code == 400
    assert "executors" in bad.json()["message"]
    assert wait_for(ada, task).state == "COMPLETE"

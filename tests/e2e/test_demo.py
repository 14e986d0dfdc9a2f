"""README's two commands, as a person runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from demo.accounts import provide_accounts
from demo.cluster import CLAIM, NAMESPACE
from demo.paths import ROOT, STATE
from tests.cluster.cluster import get_given_kubeconfig
from tests.e2e.lab import open_notebook, read_profiles, run_cell, sign_in, start_server
from tests.e2e.sites import READ_LIMIT
from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import find_free_port
from tests.fixtures.identity_provider import Account
from tests.fixtures.tiers import cannot_run

# A virtual environment and npm packages, from nothing, on two busy cores.
INSTALL_SECONDS = 400
STOP_SECONDS = 60


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    url: str
    process: "subprocess.Popen[bytes]"

    def account(self, name: str) -> Account:
        """The account of that name, with the password that the demo made."""
        person = next(one for one in provide_accounts() if one["username"] == name)
        return Account(**person)


@pytest.fixture(params=["demo", "demo-kubernetes"])
def demo(request, tmp_path) -> Iterator[Demo]:
    """The demo, ready, on one machine and in pods."""
    if request.param == "demo-kubernetes":
        request.getfixturevalue("demo_namespace")
    port, log = find_ports(4), tmp_path / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", request.param, f"PYTHON={sys.executable}"],
            cwd=ROOT,
            env={**make_clean_environment(), "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Demo(f"http://127.0.0.1:{port}", process)
    try:
        wait_until_ready(started, log)
        yield started
    finally:
        press_ctrl_c(process)


# One process runs both demos: they have one folder for what they keep.
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def demo_namespace(cluster_with_node) -> Iterator[None]:
    """The demo keeps its namespace for the next start; the tests don't."""
    if get_given_kubeconfig():
        cannot_run("the demo starts on its own cluster, not on the given one")
    space = Namespace(NAMESPACE, cluster_with_node, STATE)
    yield
    volume = f"{NAMESPACE}-{CLAIM}"
    space.kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")
    space.kubectl("delete", "pv", volume, "--wait=false", "--ignore-not-found")


def find_ports(count: int) -> int:
    """The first of ``count`` free ports in a row."""
    while True:
        first = find_free_port()
        try:
            for port in range(first, first + count):
                with socket.socket() as listener:
                    listener.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def make_clean_environment() -> dict[str, str]:
    """This environment without a cluster that somebody works with."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "KUBECONFIG" and not name.startswith("DEMO_")
    }


def wait_until_ready(demo: Demo, log) -> None:
    deadline = time.monotonic() + INSTALL_SECONDS
    while f"The hub is ready: {demo.url}" not in log.read_text():
        assert demo.process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.5)


def press_ctrl_c(process: "subprocess.Popen[bytes]") -> None:
    """What a terminal does: the signal goes to all that runs in it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    process.wait(STOP_SECONDS)
    # make ends before what it started, which keeps the next demo out until it has ended too.
    deadline = time.monotonic() + STOP_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def find_processes_below(directory) -> list[str]:
    """The command lines of processes that work in ``directory`` or below it."""
    found = []
    for process in (entry for entry in os.scandir("/proc") if entry.name.isdecimal()):
        try:
            if os.readlink(f"{process.path}/cwd").startswith(str(directory)):
                found.append(Path(process.path, "cmdline").read_text())
        except OSError:
            continue
    return found


def test_the_demo_leads_to_jupyterlab_and_leaves_nothing_running(demo: Demo, make_page):
    page = make_page()
    sign_in(page, demo, demo.account("grace"))
    assert read_profiles(page) == ["Small", "Medium", "Large"]
    start_server(page, "Small")
    open_notebook(page)
    assert int(run_cell(page, READ_LIMIT)) == 1024**3

    press_ctrl_c(demo.process)
    assert find_processes_below(STATE) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(demo.url, timeout=5)

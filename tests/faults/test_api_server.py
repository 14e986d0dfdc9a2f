"""The API server is away for a while, and comes back knowing nothing that it had in memory."""

import os
import threading
import time

import pytest

from jhub_gateway.policy.answer_reasons import find_answer_reason
from tests.faults.kernels import start_kernel
from tests.faults.site import FaultSite, wait_until
from tests.faults.wholeness import check_hub_is_whole
from tests.fixtures.fault_cluster import FaultCluster

# As long as an upgrade takes: all is asked several times, and no start or stop meets its time-out.
OUTAGE = float(os.environ.get("FAULTS_OUTAGE", "60"))
BUSY = find_answer_reason(0, None).sentence


@pytest.mark.parametrize(("program", "seconds"), [("kube-apiserver", OUTAGE), ("etcd", 8)])
def test_nobody_loses_anything_while_it_is_away(site, fault_cluster, chance, program, seconds):
    kept, starting = ["user-kept-0", "user-kept-1"], [f"user-{number}" for number in range(4)]
    site.add_users("lab-0", "user-late", "user-gone", *kept, *starting)
    site.start("lab-0", "user-gone", *kept, profile="large")
    kernel = start_kernel(f"{site.hub.url}/user/lab-0", site.tokens["lab-0"])
    kernel.run("x = 42")
    before = site.read_all(kept)

    site.ask_later("POST", *starting)
    time.sleep(chance.uniform(0, 2))
    with fault_cluster.stopped(program):
        back = time.monotonic() + seconds
        site.ask_later("POST", "user-late")
        site.ask_later("DELETE", "user-gone")
        if program == "kube-apiserver":
            # With etcd away each request hangs, and the first has not yet failed.
            expect_waiting(site, "user-late", seconds)
        assert site.read_all(before) == before
        assert kernel.run("print(x)") == "42"
        # Nobody's server is given up meanwhile.
        assert {"lab-0", *kept} <= site.get_ready()
        time.sleep(max(0, back - time.monotonic()))

    site.wait_for("user-late", *starting, seconds=120)
    check_hub_is_whole(site, before)
    assert kernel.run("print(x)") == "42"


def test_the_hub_starts_while_the_api_server_is_away(site: FaultSite, fault_cluster: FaultCluster):
    site.add_users("user-0")
    site.start("user-0")
    before = site.read_all(["user-0"])
    site.crash_hub()
    with fault_cluster.stopped("kube-apiserver"):
        back = threading.Timer(5, fault_cluster.start, args=("kube-apiserver",))
        back.start()
        site.hub.restart()
        back.join()
    check_hub_is_whole(site, before)


def expect_waiting(site: FaultSite, user: str, seconds: float) -> None:
    """Expect that the start's page says that the cluster is slow to answer."""
    wait_until(lambda: user in site.get_states(), f"{user}'s start has begun", 10)
    for event in site.follow_start(user, seconds):
        if BUSY in event.get("message", ""):
            return
    raise AssertionError(f"the start of {user} is over:\n{site.hub.tail()}")

"""Watches that end, that are too old, and that say nothing; answers that are late or lost."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.faults.conftest import open_sites
from tests.faults.kubernetes_proxy import EXPIRED, KubernetesProxy
from tests.faults.site import FaultSite, wait_until
from tests.faults.wholeness import check_hub_is_whole

# Ends the wait for a watch that says nothing after 8 s instead of 45.
IMPATIENT = """
from jhub_gateway.watches import live_reflector
live_reflector._WATCH_SECONDS, live_reflector._STUCK_SECONDS = 5, 3
"""
# The reconciler lists every 2 s here, whatever the watch does.
LISTS = 10
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def proxy(fault_cluster):
    """The way from the hub to the API server."""
    proxy = KubernetesProxy(fault_cluster.kubeconfig)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def site(fault_cluster, proxy, tmp_path_factory) -> Iterator[FaultSite]:
    """A hub that reaches the API server through the proxy, and a server that runs."""
    directory = tmp_path_factory.mktemp("site")
    kubeconfig = proxy.write_kubeconfig(directory / "kubeconfig")
    with open_sites(fault_cluster, directory) as make:
        site = make(IMPATIENT, environment={"KUBECONFIG": str(kubeconfig)})
        site.add_users(*(f"user-{number}" for number in range(7)))
        site.start("user-0", "user-1")
        yield site


def test_a_watch_that_is_gone_is_replaced(site, proxy):
    before = site.read_all(["user-0"])
    # Too old twice: by the event that ends it, and by the answer to the next.
    proxy.answer(
        "watch pods", 410, json.dumps(EXPIRED), {"Content-Type": "application/json"}, times=1
    )
    assert proxy.end_watches(EXPIRED) > 0
    site.namespace.kubectl("delete", "pod", site.find_pod("user-1"), "--wait=false")
    site.start("user-2", seconds=30)
    wait_until(lambda: "user-1" not in site.get_states(), "the hub sees what it missed", 30)
    check_hub_is_whole(site, before, starters=["user-1"])
    # They are watched again, and not listed again and again.
    proxy.clear_requests()
    site.start("user-3")
    assert proxy.count("list pods") <= LISTS


def test_a_watch_that_says_nothing_holds_nobody_up(site, proxy):
    before = site.read_all(site.get_ready())
    proxy.is_mute = True
    site.ask_later("POST", "user-4")
    time.sleep(5)
    assert "user-4" not in site.get_ready(), "the watch was to say nothing"
    # The watches of before stay silent; the hub has to begin others.
    proxy.is_mute = False
    site.wait_for("user-4", seconds=40)
    check_hub_is_whole(site, before, starters=[])


def test_a_pod_is_made_once_though_answers_are_late_or_lost(site, proxy):
    before = site.read_all(site.get_ready())
    proxy.clear_requests()
    # Made, and nobody hears of it.
    proxy.drop("create pods", after=True, times=1)
    site.start("user-5")
    # Made 5 s late, and asked for again by whoever has less patience.
    proxy.delay("create pods", 5)
    site.start("user-6")
    proxy.clear()
    assert proxy.count("delete pods") == 0
    check_hub_is_whole(site, before, starters=[])

"""Watches that end, that are too old, and that say nothing; answers that are late or lost."""

import json
import threading
import time

import pytest

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


@pytest.fixture
def proxy(fault_cluster):
    """The way from the hub to the API server."""
    proxy = KubernetesProxy(fault_cluster.kubeconfig)
    yield proxy
    proxy.stop()


@pytest.fixture
def site(make_fault_site, proxy, tmp_path) -> FaultSite:
    """A hub that reaches the API server through the proxy, and two servers that run."""
    kubeconfig = proxy.write_kubeconfig(tmp_path / "kubeconfig")
    site = make_fault_site(IMPATIENT, environment={"KUBECONFIG": str(kubeconfig)})
    site.add_users("user-0", "user-1", "user-2", "user-3", "user-4")
    site.start("user-0", "user-1")
    return site


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
    check_hub_is_whole(site, before, starters=["user-1", "user-3"])
    # They are watched again, and not listed again and again.
    proxy.clear_requests()
    site.start("user-4")
    assert proxy.count("list pods") <= LISTS


def test_a_watch_that_says_nothing_holds_nobody_up(site, proxy):
    before = site.read_all(["user-0", "user-1"])
    proxy.is_mute = True
    threading.Thread(target=site.ask, args=("POST", "user-2")).start()
    time.sleep(5)
    assert "user-2" not in site.get_ready(), "the watch was to say nothing"
    # The watches of before stay silent; the hub has to begin others.
    proxy.is_mute = False
    wait_until(lambda: "user-2" in site.get_ready(), "the start goes on", 40, site.hub.tail)
    check_hub_is_whole(site, before)


def test_a_pod_is_made_once_though_answers_are_late_or_lost(site, proxy):
    before = site.read_all(["user-0", "user-1"])
    proxy.clear_requests()
    # Made, and nobody hears of it.
    proxy.drop("create pods", after=True, times=1)
    site.start("user-2")
    # Made 5 s late, and asked for again by whoever has less patience.
    proxy.delay("create pods", 5)
    site.start("user-3")
    proxy.clear()
    assert proxy.count("delete pods") == 0
    check_hub_is_whole(site, before)

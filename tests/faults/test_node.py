"""The node is lost for a while: its kubelet says nothing, and its containers go on."""

from contextlib import suppress

from tests.cluster.kubelet import NODE
from tests.faults.site import FaultSite, wait_until
from tests.faults.wholeness import check_hub_is_whole

# After 12 s of silence it is called lost; see tests/cluster/control_plane.py.
LOST_SECONDS = 40
LOST = "node.kubernetes.io/unreachable"
READY = "{.status.conditions[?(@.type=='Ready')].status}"


# A pod that should be gone is given up after 10 s instead of 60.
CONFIG = """
c.KubeSpawner.extra_pod_config = {"termination_grace_period_seconds": 5}

from jhub_gateway import steady_spawner
steady_spawner._GOING_SECONDS = 5
"""


def test_a_lost_node_takes_nothing_that_need_not_go(make_fault_site, fault_cluster):
    site = make_fault_site(CONFIG)
    site.add_users("user-0", "user-waiting", "brief-0")
    site.start("user-0", "brief-0")
    before = site.read_all(["user-0"])
    site.read("brief-0")
    with fault_cluster.stopped("kubelet"):
        wait_until(lambda: is_lost(site), "the node is called lost", LOST_SECONDS)
        site.ask_later("POST", "user-waiting")
        expect_waiting_for_node(site)
        # Who need not leave for 300 s is reached, whatever the node says.
        assert site.read_all(before) == before
        assert site.get_states()["user-0"] == "ready"
        # The control plane itself evicts nobody where no node is left: they could go nowhere.
        site.namespace.kubectl("taint", "node", NODE, f"{LOST}:NoExecute", "--overwrite")
        # Who had to leave is free to start elsewhere: their pod's end can't be waited for.
        wait_until(
            lambda: "brief-0" not in site.get_states(),
            "the evicted user is free",
            60,
            lambda: f"{site.get_states()}\n{site.hub.tail()}",
        )
        assert site.get_last_end("brief-0")["code"] == "node-lost"
    # Put by hand, it goes by hand.
    site.namespace.kubectl("taint", "node", NODE, f"{LOST}:NoExecute-", check=False)
    site.wait_for("user-waiting", seconds=60)
    check_hub_is_whole(site, before)


def is_lost(site: FaultSite) -> bool:
    """Whether the control plane misses the node."""
    return site.namespace.kubectl("get", "node", NODE, "-o", f"jsonpath={READY}") == "Unknown"


def expect_waiting_for_node(site: FaultSite) -> None:
    """Expect that the start's page names what it waits for."""
    wait_until(lambda: "user-waiting" in site.get_states(), "the start has begun", 10)
    with suppress(StopIteration):
        events = iter(site.follow_start("user-waiting", 60))
        while "machine" not in (message := next(events).get("message", "")):
            pass
        assert "failed" not in message
        return
    raise AssertionError(f"the start is over:\n{site.hub.tail()}")

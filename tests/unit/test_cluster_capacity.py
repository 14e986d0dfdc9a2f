"""What the hub knows of room in the cluster, at an API server that does what a test says."""

import asyncio
import logging

import pytest
from traitlets.config import LoggingConfigurable

from jhub_gateway import cluster_capacity
from jhub_gateway.capacity_metrics import show_free_servers
from jhub_gateway.clients.kube import KubeUnavailable, Resource
from jhub_gateway.cluster_capacity import ClusterCapacity, find_capacity_problem
from jhub_gateway.policy.capacity import Capacity, make_demand
from jhub_gateway.policy.node_fit import Needs
from jhub_gateway.watches import ages, live_reflector
from tests.unit.kube_server import run_kube_server

GIB = 1024**3
DEMANDS = {"small": make_demand(Needs(memory=2 * GIB)), "large": make_demand(Needs(memory=8 * GIB))}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live_reflector, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(live_reflector, "draw_chance", lambda: 0.01)
    monkeypatch.setattr(cluster_capacity, "_RIGHTS_SECONDS", 0.01)


class Rights:
    """What the API server says of the hub's rights; ``asked`` is how often."""

    def __init__(self) -> None:
        self.missing: dict[str, list[str]] = {}
        self.is_down = False
        self.asked = 0

    def check(self, namespace, verbs, resource):
        assert (namespace, verbs) == ("", ("list", "watch"))
        self.asked += 1
        if self.is_down:
            raise KubeUnavailable("TimeoutError: ")
        return self.missing.get(resource.plural, [])


@pytest.fixture
def rights(monkeypatch):
    found = Rights()
    monkeypatch.setattr(cluster_capacity, "check_access", found.check)
    return found


@pytest.fixture
async def kube(monkeypatch):
    async with run_kube_server() as (server, api):
        monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: api)
        yield server


@pytest.fixture
async def make(kube, rights):
    """Makes what is tested, and ends its watches with the test."""
    made = []

    def make_capacity(**more):
        clock = Clock()
        spawner = LoggingConfigurable(log=logging.getLogger("test"))
        capacity = ClusterCapacity(spawner, DEMANDS, more.pop("pools", ()), clock, **more)
        capacity.clock = clock
        capacity.start()
        made.append(capacity)
        return capacity

    yield make_capacity
    for capacity in made:
        capacity._task.cancel()
        for watch in (capacity._nodes, capacity._pods):
            if watch.watch_task:
                await watch.stop()


class Clock:
    now = 1000.0

    def __call__(self):
        self.now += 10
        return self.now


async def wait_until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def put_pod(kube, name, memory, node=""):
    pod = kube.make_pod(name)
    pod["spec"] = {"containers": [{"resources": {"requests": {"memory": memory}}}]}
    pod["spec"] |= {"nodeName": node} if node else {}
    kube.put(pod)


def count(capacity):
    return {slug: found.free for slug, found in capacity.find().items()}


async def test_it_follows_pods_and_nodes_as_they_come_and_go(kube, make):
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    capacity = make()
    assert capacity.find() == {}
    await wait_until(lambda: count(capacity) == {"small": 8, "large": 2})
    put_pod(kube, "ada", "10Gi", "a")
    await wait_until(lambda: count(capacity) == {"small": 3, "large": 0})
    kube.put_node("b", memory="8Gi", cpu="4", pods="110")
    await wait_until(lambda: count(capacity) == {"small": 7, "large": 1})
    kube.remove("ada")
    await wait_until(lambda: count(capacity) == {"small": 12, "large": 3})
    kube.send("nodes", "DELETED", kube.nodes.pop("a"))
    await wait_until(lambda: count(capacity) == {"small": 4, "large": 1})


async def test_who_waits_is_ahead(kube, make):
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    put_pod(kube, "ada", "15Gi", "a")
    for name in ("bob", "cy"):
        put_pod(kube, name, "8Gi")
    capacity = make()
    full = {"small": Capacity("full", ahead=2), "large": Capacity("full", ahead=2)}
    await wait_until(lambda: capacity.find() == full)


async def test_starts_in_line_go_by_nodes_and_by_the_pods_that_are_counted(kube, make):
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    kube.put_node("b", memory="4Gi", cpu="4", pods="110")
    capacity = make()
    assert (capacity.find_room().capacities, capacity.find_room().hosts) == ({}, {})
    await wait_until(lambda: count(capacity) == {"small": 10, "large": 2})
    capacity._clock = lambda: capacity.clock.now
    assert capacity.find_room().hosts == {"small": {"a", "b"}, "large": {"a"}}
    put_pod(kube, "ada", "10Gi", "a")
    await wait_until(lambda: "users/ada" in capacity._pods.resources)
    uid = kube.pods["ada"]["metadata"]["uid"]
    capacity.find()
    assert not capacity.has_counted(uid)
    capacity.clock.now += 1
    assert capacity.find_room().capacities["large"] == Capacity("full")
    assert capacity.has_counted(uid)
    kube.send("nodes", "DELETED", kube.nodes.pop("b"))
    capacity.clock.now += 1
    await wait_until(lambda: capacity._nodes.list_states()[1:] == [])
    assert capacity.find_room().hosts == {"small": {"a"}, "large": {"a"}}


async def test_many_views_cost_one_look_while_nothing_changes(kube, make, monkeypatch):
    looks = []
    real = cluster_capacity.find_capacities

    def look(*arguments):
        looks.append(1)
        return real(*arguments)

    monkeypatch.setattr(cluster_capacity, "find_capacities", look)
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    capacity = make()
    await wait_until(lambda: count(capacity) == {"small": 8, "large": 2})
    await kube.wait_for_watch("pods")
    before, lists = len(looks), kube.lists
    for _ in range(100):
        capacity.find()
    assert (len(looks), kube.lists) == (before, lists)
    # What changes nothing of room is no change: a kubelet tells much of a pod.
    changes = capacity._pods.changes
    put_pod(kube, "ada", "1Gi", "a")
    await wait_until(lambda: capacity._pods.changes > changes)
    changes = capacity._pods.changes
    kube.put(kube.pods["ada"] | {"status": {"phase": "Running"}})
    put_pod(kube, "bob", "1Gi", "a")
    await wait_until(lambda: "users/bob" in capacity._pods.resources)
    await wait_until(lambda: count(capacity)["small"] == 7)
    # make_pod and put: two of bob's.
    assert capacity._pods.changes == changes + 2


async def test_changes_at_once_cost_one_look_a_second(kube, make):
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    capacity = make()
    await wait_until(lambda: count(capacity) == {"small": 8, "large": 2})
    capacity._clock = lambda: capacity.clock.now
    put_pod(kube, "ada", "10Gi", "a")
    await wait_until(lambda: "users/ada" in capacity._pods.resources)
    assert count(capacity) == {"small": 8, "large": 2}
    capacity.clock.now += 1
    await wait_until(lambda: count(capacity) == {"small": 3, "large": 0})


async def test_what_was_seen_long_ago_is_not_shown(kube, make, monkeypatch):
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    capacity = make()
    await wait_until(lambda: capacity.find())
    monkeypatch.setattr(
        cluster_capacity, "watch_ages", lambda: {"nodes": 1.0, "cluster-pods": 61.0}
    )
    assert capacity.find() == {}
    monkeypatch.setattr(cluster_capacity, "watch_ages", ages.watch_ages)
    assert capacity.find()


async def test_without_the_right_nothing_is_asked_and_the_log_says_why_once(
    kube, make, rights, caplog
):
    caplog.set_level(logging.INFO)
    rights.missing = {"nodes": ["watch"], "pods": ["list", "watch"]}
    capacity = make()
    await wait_until(lambda: rights.asked > 6)
    assert (capacity.find(), kube.lists) == ({}, 0)
    (told,) = [one for one in caplog.records if "shows no room" in one.message]
    assert told.levelname == "INFO"
    assert "may not watch nodes and list, watch pods in the whole cluster" in told.message
    assert "components/live-capacity" in told.message
    # Given later, it shows without a restart.
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    rights.missing = {}
    await wait_until(lambda: count(capacity) == {"small": 8, "large": 2})


async def test_where_settings_need_it_the_missing_right_is_a_warning(make, rights, caplog):
    rights.missing = {"nodes": ["list", "watch"]}
    make(is_needed=True)
    await wait_until(lambda: caplog.records)
    assert caplog.records[0].levelname == "WARNING"


async def test_an_api_server_that_is_down_at_the_start_is_asked_again(kube, make, rights):
    rights.is_down = True
    kube.put_node("a", memory="16Gi", cpu="4", pods="110")
    capacity = make()
    await wait_until(lambda: rights.asked > 2)
    rights.is_down = False
    await wait_until(lambda: count(capacity) == {"small": 8, "large": 2})


def test_all_rights_are_no_problem():
    seen = []
    assert find_capacity_problem(lambda *asked: seen.append(asked) or []) is None
    verbs = ("list", "watch")
    assert seen == [("", verbs, Resource("nodes")), ("", verbs, Resource("pods"))]


def test_prometheus_reads_how_many_more_fit_or_that_nobody_knows():
    from prometheus_client import REGISTRY

    found = {"fits": Capacity("free", 3), "full": Capacity("full", ahead=2)}
    show_free_servers(["fits", "full", "unknown"], lambda: found)

    def read(slug):
        return REGISTRY.get_sample_value("jhub_gateway_profile_free_servers", {"profile": slug})

    assert (read("fits"), read("full")) == (3, 0)
    assert read("unknown") != read("unknown")  # NaN
    found.clear()
    assert read("fits") != read("fits")

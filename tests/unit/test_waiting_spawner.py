"""Starts of a real KubeSpawner that wait in line, in a cluster that has the room a test says."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY
from tornado import web

from jhub_gateway import waiting_line
from jhub_gateway.capacity_metrics import show_servers_in_line
from jhub_gateway.policy.capacity import Capacity, make_demand
from jhub_gateway.policy.labels import HUB, START_ID
from jhub_gateway.policy.node_fit import Needs
from jhub_gateway.policy.waiting_line import Room
from jhub_gateway.waiting_line import WaitingLine, WaitingStart
from jhub_gateway.waiting_spawner import WaitingSpawner
from jhub_gateway.watches import live_reflector
from tests.unit.kube_server import run_kube_server
from tests.unit.test_steady_spawner import make_server, run_pod

GIB = 1024**3
DEMANDS = {slug: make_demand(Needs(memory=GIB)) for slug in ("small", "gpu", "staff")}
PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1G"},
    {"slug": "gpu", "display_name": "GPU", "memory": "1G"},
    {"slug": "staff", "display_name": "Staff", "memory": "1G", "allowed_groups": ["staff"]},
]
WAIT = 600


class Cluster:
    """Has room for ``free`` servers of each profile, less those that are counted."""

    def __init__(self):
        self.free = {"small": 0, "gpu": 0}
        self.counted = set()

    def find(self):
        return self.find_room().capacities

    def find_room(self):
        found = {
            slug: Capacity("free", count) if count else Capacity("full")
            for slug, count in self.free.items()
        }
        return Room(found, {slug: frozenset({slug}) for slug in found}, DEMANDS)

    def has_counted(self, uid):
        return uid in self.counted


class Server(WaitingSpawner):
    """At the hub "north"."""

    reflectors = {}
    hub_labels = {HUB: "north"}

    async def load_user_options(self):
        self.choose_profile()

    async def get_pod_manifest(self):
        pod = await super().get_pod_manifest()
        pod.metadata.labels |= self.hub_labels
        pod.metadata.annotations[START_ID] = self.start_id
        return pod


@pytest.fixture
async def kube(monkeypatch):
    monkeypatch.setattr(live_reflector, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(waiting_line, "_LOOK_SECONDS", 0.02)
    async with run_kube_server() as (server, api):
        monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: api)
        monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: api)
        monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
        yield server
        await Server._stop_all_reflectors()


@pytest.fixture
def cluster(kube, monkeypatch):
    made = Cluster()
    monkeypatch.setattr(Server, "_cluster", made)
    monkeypatch.setattr(Server, "_line", WaitingLine(made.find_room))
    return made


@pytest.fixture
async def make(cluster):
    """Makes servers at a port where something answers, and ends their starts with the test."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    made = []

    def make_one(name, profile="small", **traits):
        port = server.sockets[0].getsockname()[1]
        settings = {"wait_in_line": WAIT, "memory_profiles": PROFILES, **traits}
        one = make_server(port, Server, name, **settings)
        one.user_options = {"profile": profile}
        one.user.db = SimpleNamespace(commit=lambda: None)
        one.clear_state()
        # A start by the API: of no request, as far as this goes.
        one.handler.request = None
        made.append(one)
        return one

    yield make_one
    for one in made:
        one.orm_spawner = None
    server.close()


def begin(spawner):
    """Start it as JupyterHub does, which reads its time-out once start() has returned."""
    work = spawner.start()
    patience = spawner.start_timeout
    task = asyncio.ensure_future(asyncio.wait_for(work, patience))
    return task, patience


async def wait_until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def read_place(spawner):
    return spawner._reason.cause if spawner._reason else ""


async def give_up(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_they_go_in_the_order_of_their_requests(kube, cluster, make, caplog):
    caplog.set_level(logging.INFO)
    servers = [make(name) for name in ("ada", "bob", "cy")]
    tasks = [begin(server)[0] for server in servers]
    await wait_until(lambda: read_place(servers[2]) == "number 3 of 3 in line")
    assert read_place(servers[0]) == "number 1 of 3 in line"
    assert kube.pods == {}
    assert "ada waits for room: number 1 of 1 in line" in caplog.text

    cluster.free["small"] = 1
    await wait_until(lambda: "jupyter-ada" in kube.pods)
    await wait_until(lambda: read_place(servers[2]) == "number 2 of 2 in line")
    # It has the one place, until a capacity has its pod in it.
    for _ in range(20):
        Server._line.look()
    assert set(kube.pods) == {"jupyter-ada"}
    cluster.counted.add(kube.pods["jupyter-ada"]["metadata"]["uid"])
    await wait_until(lambda: "jupyter-bob" in kube.pods)
    run_pod(kube)
    assert "127.0.0.1" in await tasks[0]
    assert "ada has room after" in caplog.text
    assert read_place(servers[2]) == "number 1 of 1 in line"
    await give_up(*tasks)


async def test_who_is_ready_before_it_is_counted_keeps_its_room(kube, cluster, make):
    cluster.free["small"] = 1
    task, _ = begin(make("ada"))
    await wait_until(lambda: "jupyter-ada" in kube.pods)
    run_pod(kube)
    await task
    behind = make("bob")
    other, _ = begin(behind)
    await wait_until(lambda: read_place(behind) == "number 1 of 1 in line")
    assert set(kube.pods) == {"jupyter-ada"}
    await give_up(other)


async def test_jupyterhub_waits_for_both_and_the_start_has_its_own_time(kube, cluster, make):
    server = make("ada")
    task, patience = begin(server)
    assert patience == 20 + WAIT
    await wait_until(lambda: read_place(server))
    commits = []
    server.user.db.commit = lambda: commits.append(server.orm_spawner.state)
    cluster.free["small"] = 1
    await wait_until(lambda: "jupyter-ada" in kube.pods)
    assert server.start_timeout == 20
    # A hub that restarts knows of the pod, and knew nothing before there was one.
    assert [state["start_id"] for state in commits] == [server.start_id]
    run_pod(kube)
    await task
    assert server.start_timeout == 20


async def test_who_gives_up_leaves_the_line_at_once(kube, cluster, make, caplog):
    caplog.set_level(logging.INFO)
    first, second = make("ada"), make("bob")
    one, two = begin(first)[0], begin(second)[0]
    await wait_until(lambda: read_place(second) == "number 2 of 2 in line")
    await give_up(one)
    assert read_place(second) == "number 1 of 1 in line"
    assert "ada has left the line" in caplog.text
    await first.stop(now=True)
    assert await first.poll() == 1
    assert first.start_timeout == 20
    cluster.free["small"] = 1
    await wait_until(lambda: "jupyter-bob" in kube.pods)
    assert set(kube.pods) == {"jupyter-bob"}
    # Its place is free again as soon as its start is over.
    await give_up(two)
    assert Server._line._going == {}


async def test_a_start_given_up_before_it_began_leaves_no_trace(cluster, make):
    server = make("ada")
    server.start().close()
    assert Server._line.slugs == []
    task, patience = begin(server)
    assert patience == 20 + WAIT
    await wait_until(lambda: read_place(server))
    await give_up(task)
    assert server.start_timeout == 20


async def test_who_has_waited_too_long_is_told_to_take_less(kube, cluster, make, caplog):
    labels = {"reason": "no-room", "stage": "queued", "profile": "small"}

    def count():
        return REGISTRY.get_sample_value("jhub_gateway_start_failures_total", labels) or 0

    before = count()
    server, behind = make("ada", wait_in_line=1), make("bob")
    task, other = begin(server)[0], begin(behind)[0]
    with pytest.raises(web.HTTPError) as raised:
        await task
    assert raised.value.status_code == 503
    assert "No room has come free in 1 second. Try a smaller size" in str(raised.value)
    assert "(no-room, reference" in caplog.text
    assert "1 s in line, last as number 1 of 2 in line" in caplog.text
    assert count() == before + 1
    # JupyterHub, which counts it, is at nothing again.
    assert server.handler.settings["failure_count"] == -1
    assert (kube.pods, server.start_timeout) == ({}, 20)
    assert read_place(behind) == "number 1 of 1 in line"
    await give_up(other)


@pytest.mark.parametrize(
    ("traits", "free"), [({}, 1), ({"wait_in_line": 0}, 0)], ids=["room", "off"]
)
async def test_with_room_or_without_a_line_nobody_waits(kube, cluster, make, caplog, traits, free):
    caplog.set_level(logging.INFO)
    cluster.free["small"] = free
    server = make("ada", **traits)
    task, patience = begin(server)
    assert patience == 20 + server.wait_in_line
    await wait_until(lambda: "jupyter-ada" in kube.pods)
    run_pod(kube)
    await task
    assert "waits for room" not in caplog.text


async def test_where_nobody_knows_what_there_is_room_for_nobody_waits(
    kube, cluster, make, monkeypatch
):
    monkeypatch.setattr(cluster, "find_room", lambda: Room({}, {}, DEMANDS))
    monkeypatch.setattr(Server, "_line", WaitingLine(cluster.find_room))
    task, _ = begin(make("ada"))
    await wait_until(lambda: "jupyter-ada" in kube.pods)
    await give_up(task)


async def test_what_may_not_be_had_is_refused_at_the_request(kube, cluster, make):
    server = make("ada", "staff")
    task, _ = begin(server)
    with pytest.raises(web.HTTPError) as raised:
        await task
    assert raised.value.status_code == 403
    assert (Server._line.slugs, server.start_timeout) == ([], 20)


async def test_who_has_lost_the_size_while_in_line_is_refused_at_the_turn(kube, cluster, make):
    cluster.free["staff"] = 0
    server = make("ada", "staff")
    server.user.groups = [SimpleNamespace(name="staff")]
    task, _ = begin(server)
    await wait_until(lambda: read_place(server))
    server.user.groups = []
    cluster.free["staff"] = 1
    with pytest.raises(web.HTTPError) as raised:
        await task
    assert raised.value.status_code == 403
    assert kube.pods == {}


async def test_its_user_sees_the_place_and_how_long_it_has_been(cluster, make):
    first, second = make("ada"), make("bob")
    tasks = [begin(first)[0], begin(second)[0]]
    await wait_until(lambda: read_place(second))
    progress = second.progress()
    told = await anext(progress)
    assert told["message"] == (
        "No room now: you are number 2 of 2 in line. "
        "Your server starts as soon as there is room. (0 s)"
    )
    # The bar is that of the start itself.
    assert told["progress"] == 0
    await progress.aclose()
    await give_up(*tasks)


async def test_those_in_line_are_ahead_on_the_page(cluster, make):
    cluster.free["gpu"] = 3
    tasks = [begin(make(name))[0] for name in ("ada", "bob")]
    await wait_until(lambda: len(Server._line.slugs) == 2)
    page = make("cy").find_capacities()
    assert page == {"small": Capacity("full", ahead=2), "gpu": Capacity("free", 3)}
    await give_up(*tasks)
    assert make("cy").find_capacities()["small"] == Capacity("full")


async def test_prometheus_reads_who_waits(cluster, make):
    line = Server._line
    # It is read in later tests of this process too.
    show_servers_in_line(["small", "gpu"], lambda: line.slugs)

    def read(slug):
        return REGISTRY.get_sample_value("jhub_gateway_servers_in_line", {"profile": slug})

    tasks = [begin(make(name))[0] for name in ("ada", "bob")]
    await wait_until(lambda: read("small") == 2)
    assert read("gpu") == 0
    await give_up(*tasks)
    assert read("small") == 0


# The line by itself


async def test_a_pod_that_is_never_seen_holds_its_room_for_a_while_only():
    now, cluster = [0.0], Cluster()
    line = WaitingLine(cluster.find_room, lambda: now[0])
    cluster.free["small"] = 1
    first, second = (WaitingStart("small", lambda *_: None, lambda: False) for _ in range(2))
    line.join(first)
    line.join(second)
    assert (first.turn.is_set(), second.turn.is_set()) == (True, False)
    now[0] = waiting_line._LONGEST_HOLD - 1
    line.look()
    assert not second.turn.is_set()
    now[0] += 1
    line.look()
    assert second.turn.is_set()
    assert line.slugs == []
    line._task.cancel()


async def test_room_for_many_is_given_to_many_at_once():
    cluster = Cluster()
    line = WaitingLine(cluster.find_room)
    starts = [WaitingStart("small", lambda *_: None, lambda: False) for _ in range(50)]
    for start in starts:
        line.join(start)
    cluster.free["small"] = 40
    line.look()
    assert [start.turn.is_set() for start in starts] == [True] * 40 + [False] * 10
    line._task.cancel()

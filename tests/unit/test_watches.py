"""Watches that go on whatever happens to the API server."""

import asyncio

import pytest

from jhub_gateway.watches import live_reflector
from jhub_gateway.watches.ages import watch_ages
from jhub_gateway.watches.live_pods import LivePods
from jhub_gateway.watches.start_events import StartEvents
from tests.unit.kube_server import NAMESPACE, run_kube_server

ADA = f"{NAMESPACE}/ada"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live_reflector, "_LONGEST_WAIT", 0.05)
    monkeypatch.setattr(live_reflector, "draw_chance", lambda: 0.01)


@pytest.fixture
async def kube():
    async with run_kube_server() as (server, api):
        yield server, api


@pytest.fixture
async def watch(kube, monkeypatch):
    """Makes watches of a kind, which end with the test."""
    _, api = kube
    monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: api)
    made = []

    async def make(kind):
        reflector = kind(namespace=NAMESPACE)
        made.append(reflector)
        await reflector.start()
        return reflector

    yield make
    for reflector in made:
        await reflector.stop()


async def wait_until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_pods_are_seen_as_they_come_change_and_go_without_what_nobody_asks(kube, watch):
    server, _ = kube
    server.make_pod("ada")
    pods = await watch(LivePods)
    await asyncio.wait_for(pods.first_load_future, 5)
    assert pods.pods[ADA]["spec"] == {"containers": [{"name": "notebook", "ports": []}]}
    await server.wait_for_watch()
    eve = server.make_pod("eve", managedFields=["much"])
    await wait_until(lambda: f"{NAMESPACE}/eve" in pods.pods)
    assert "managedFields" not in pods.pods[f"{NAMESPACE}/eve"]
    server.put(eve | {"status": {"phase": "Running"}})
    await wait_until(lambda: pods.pods[f"{NAMESPACE}/eve"]["status"]["phase"] == "Running")
    server.put(server.pods["ada"] | {"status": {"phase": "Failed", "reason": "Evicted"}})
    server.remove("ada")
    await wait_until(lambda: ADA not in pods.pods)
    assert pods.gone[ADA]["status"]["reason"] == "Evicted"
    assert server.lists == 1


async def test_many_pods_are_listed_page_by_page(kube, watch, monkeypatch):
    monkeypatch.setattr(live_reflector, "_PAGE", 2)
    server, _ = kube
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        server.make_pod(name)
    pods = await watch(LivePods)
    await asyncio.wait_for(pods.first_load_future, 5)
    assert set(pods.pods) == {f"{NAMESPACE}/{name}" for name in names}
    assert server.lists == 3
    await server.wait_for_watch()
    server.remove("user-4")
    await wait_until(lambda: len(pods.pods) == 4)


GONE = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}


@pytest.mark.parametrize("end", [None, GONE, "no event", {"type": "ADDED"}])
async def test_a_watch_that_ends_is_replaced_and_misses_nothing(kube, watch, end):
    server, _ = kube
    pods = await watch(LivePods)
    await server.wait_for_watch()
    (queue,) = server.watches["pods"]
    server.send_raw("pods", end)
    await wait_until(lambda: queue not in server.watches["pods"] or not server.watches["pods"])
    await wait_until(lambda: server.watches["pods"] - {queue})
    server.make_pod("ada")
    await wait_until(lambda: ADA in pods.pods)
    # After an ordinary end it goes on from where it was.
    assert server.lists == (1 if end is None else 2)


async def test_what_happened_while_the_api_server_was_down_is_found_by_listing(kube, watch):
    server, _ = kube
    server.make_pod("ada")
    pods = await watch(LivePods)
    await server.wait_for_watch()
    server.is_down = True
    server.send_raw("pods", GONE)
    await asyncio.sleep(0.3)
    assert ADA in pods.pods
    del server.pods["ada"]
    server.is_down = False
    await wait_until(lambda: not pods.pods)
    assert list(pods.gone) == [ADA]


async def test_an_api_server_that_is_down_at_the_start_is_waited_for(kube, watch):
    server, _ = kube
    server.is_down = True
    pods = await watch(LivePods)
    await asyncio.sleep(0.2)
    assert not pods.first_load_future.done()
    server.make_pod("ada")
    server.is_down = False
    await asyncio.wait_for(pods.first_load_future, 5)
    assert list(pods.pods) == [ADA]


async def test_a_silent_watch_is_replaced(kube, watch, monkeypatch):
    monkeypatch.setattr(live_reflector, "_WATCH_SECONDS", 0.1)
    monkeypatch.setattr(live_reflector, "_STUCK_SECONDS", 0.1)
    server, _ = kube
    await watch(LivePods)
    await server.wait_for_watch()
    (first,) = server.watches["pods"]
    await wait_until(lambda: server.watches["pods"] - {first})


async def test_a_watch_whose_task_was_killed_begins_again_at_the_next_look(kube, watch):
    server, _ = kube
    pods = await watch(LivePods)
    await server.wait_for_watch()
    pods.watch_task.cancel()
    await wait_until(pods.watch_task.done)
    pods.keep_alive()
    server.make_pod("ada")
    await wait_until(lambda: ADA in pods.pods)


async def test_a_listener_hears_of_its_own_pod_alone(kube, watch):
    server, _ = kube
    pods = await watch(LivePods)
    heard = []
    pods.listen(ADA, lambda: heard.append("ada"))
    await server.wait_for_watch()
    heard.clear()
    server.make_pod("eve")
    server.make_pod("ada")
    await wait_until(lambda: heard == ["ada"])
    pods.unlisten(ADA)
    server.remove("ada")
    await wait_until(lambda: ADA not in pods.pods)
    assert heard == ["ada"]


async def test_the_age_of_a_watch_is_told(kube, watch):
    server, _ = kube
    await watch(LivePods)
    await server.wait_for_watch()
    assert watch_ages()["pods"] < 5


def make_event(pod: str, number: int) -> dict:
    return {
        "metadata": {"name": f"{pod}.{number}", "namespace": NAMESPACE, "uid": f"{pod}-{number}"},
        "involvedObject": {"namespace": NAMESPACE, "name": pod, "uid": "uid-1"},
        "reason": "Pulling",
    }


async def test_events_are_watched_only_while_a_pod_starts_and_only_its_own_are_kept(kube, watch):
    server, _ = kube
    events = await watch(StartEvents)
    await asyncio.sleep(0.1)
    assert server.lists == 0
    assert not server.watches["events"]
    assert "events" not in watch_ages()
    heard = []
    events.listen(ADA, lambda: heard.append(1))
    await events.wait_until_watching()
    await server.wait_for_watch("events")
    for number in range(50):
        server.send("events", "ADDED", make_event("ada", number))
        server.send("events", "ADDED", make_event("eve", number))
    await wait_until(lambda: len(heard) == 50)
    assert [event["metadata"]["uid"] for event in events.get_events(ADA)] == [
        f"ada-{number}" for number in range(20, 50)
    ]
    events.unlisten(ADA)
    assert events.get_events(ADA) == []
    server.send_raw("events", None)
    await asyncio.sleep(0.2)
    assert not server.watches["events"]


async def test_a_start_does_not_wait_for_events_that_cannot_be_had(kube, watch, monkeypatch):
    monkeypatch.setattr("jhub_gateway.watches.start_events._READY_SECONDS", 0.1)
    server, _ = kube
    server.is_down = True
    events = await watch(StartEvents)
    events.listen(ADA, lambda: None)
    await asyncio.wait_for(events.wait_until_watching(), 1)

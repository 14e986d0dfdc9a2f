"""Servers of a real KubeSpawner at an API server that does what a test says."""

import asyncio
import json
import logging
from types import SimpleNamespace

import pytest
from aiohttp import web as server_web
from jupyterhub import orm
from tornado import web

from jhub_gateway import explained_spawner, pod_creation, steady_spawner
from jhub_gateway.errors import StartFailed
from jhub_gateway.explained_spawner import ExplainedSpawner
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy import answer_reasons
from jhub_gateway.policy.cull_words import make_cull_reason
from jhub_gateway.policy.estimates import RecentStarts
from jhub_gateway.policy.labels import HUB, START_ID
from jhub_gateway.policy.start_stages import STAGES
from jhub_gateway.watches import live_reflector
from tests.unit.kube_server import NAMESPACE, run_kube_server
from tests.unit.samples import read

USER = {"hub.jupyter.org/username": "ada", "hub.jupyter.org/servername": ""}


class Server(ExplainedSpawner):
    """Of ada, at the hub "north"."""

    _slug = "small"
    reflectors = {}
    hub_labels = {HUB: "north"}

    async def get_pod_manifest(self):
        pod = await super().get_pod_manifest()
        pod.metadata.labels |= self.hub_labels
        pod.metadata.annotations[START_ID] = self.start_id
        return pod


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live_reflector, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(pod_creation, "_GOING_SECONDS", 0.02)
    monkeypatch.setattr(pod_creation, "_LONGEST_WAIT", 0.02)


@pytest.fixture
async def kube(monkeypatch):
    async with run_kube_server() as (server, api):
        monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: api)
        monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: api)
        monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
        yield server
        await Server._stop_all_reflectors()


@pytest.fixture
async def answering():
    """A port where something answers."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def server(kube, answering):
    made = make_server(answering)
    yield made
    made.orm_spawner = None


PORT = {"name": "notebook-port", "containerPort": 0}


def make_server(port: int, kind: type = Server, name: str = "ada", **traits):
    url = f"/user/{name}/"
    user = SimpleNamespace(name=name, id=1, url=url, groups=[], escaped_name=name, spawners={})
    orm_spawner = SimpleNamespace(name="", server=None, state=None, user_options={})
    settings = {"failure_count": 0}
    hub = SimpleNamespace(api_url="http://hub/api", base_url="/hub/", public_host="", url="/hub")
    PORT["containerPort"] = port
    made = kind(
        user=user,
        hub=hub,
        orm_spawner=orm_spawner,
        authenticator=None,
        namespace=NAMESPACE,
        pod_connect_ip="127.0.0.1",
        port=port,
        cmd=["jupyterhub-singleuser"],
        start_timeout=20,
        http_timeout=5,
        **traits,
    )
    made.handler = SimpleNamespace(settings=settings)
    made.get_env = dict
    made.get_args = list
    made.db = SimpleNamespace(commit=lambda: None)
    made.log = logging.getLogger("test")
    return made


def run_pod(kube, name="jupyter-ada"):
    pod = kube.pods[name]
    ready = {"name": "notebook", "ready": True, "state": {"running": {}}, "restartCount": 0}
    status = {"phase": "Running", "podIP": "10.0.0.9", "containerStatuses": [ready]}
    kube.put(pod | {"status": status, "spec": {"containers": [{"ports": [PORT]}]}})


async def wait_until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def start(server, kube) -> str:
    """Start the server as JupyterHub does."""
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.pods)
    run_pod(kube)
    url = await asyncio.wait_for(attempt, 15)
    server.orm_spawner.server = orm.Server(
        proto="http", ip="127.0.0.1", port=1, base_url="/", cookie_name="ada"
    )
    server._server = SimpleNamespace(url=url, orm_server=server.orm_spawner.server)
    return url


async def poll(server) -> int | None:
    return await asyncio.wait_for(server.poll(), 10)


# Starting


async def test_a_start_is_remembered_before_its_pod_is_made(server, kube):
    attempt = server.start()
    assert server.orm_spawner.state["start_id"] == server.start_id
    assert not kube.calls
    work = asyncio.ensure_future(attempt)
    await wait_until(lambda: kube.pods)
    assert kube.pods["jupyter-ada"]["metadata"]["annotations"][START_ID] == server.start_id
    run_pod(kube)
    await asyncio.wait_for(work, 15)


async def test_an_ordinary_start_costs_one_request_beside_the_watches(server, kube, answering):
    assert await start(server, kube) == f"http://127.0.0.1:{answering}"
    assert [method for method, _ in kube.calls] == ["POST"]
    assert await poll(server) is None


async def test_a_start_is_measured_by_stage_and_profile(server, kube):
    whole = "jhub_gateway_start_seconds_sum"
    stages = "jhub_gateway_start_stage_seconds_sum"
    before = read(whole, profile="small")
    counted = {stage: read(stages, stage=stage, profile="small") for stage in STAGES}
    await start(server, kube)
    took = read(whole, profile="small") - before
    by_stage = [read(stages, stage=stage, profile="small") - counted[stage] for stage in STAGES]
    assert 0 < took < 20
    assert sum(by_stage) == pytest.approx(took)
    assert by_stage[0] > 0


async def test_an_image_that_is_nowhere_ends_the_start_at_once_and_counts_as_no_failure(
    server, kube, caplog
):
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.pods)
    waiting = {
        "reason": "ImagePullBackOff",
        "message": 'Back-off pulling image "no/such:1": not found',
    }
    status = {
        "name": "notebook",
        "image": "no/such:1",
        "ready": False,
        "state": {"waiting": waiting},
    }
    kube.put(
        kube.pods["jupyter-ada"]
        | {"status": {"phase": "Pending", "containerStatuses": [status | {"restartCount": 0}]}}
    )
    with pytest.raises(web.HTTPError) as error:
        await asyncio.wait_for(attempt, 5)
    assert error.value.status_code == 503
    assert "Reference:" in error.value.jupyterhub_message
    assert "image" in error.value.jupyterhub_message
    assert kube.pods == {}
    assert server.handler.settings["failure_count"] == -1  # JupyterHub adds one
    assert "image-not-found" in caplog.text
    labels = {"reason": "image-not-found", "stage": "image", "profile": "small"}
    assert read("jhub_gateway_start_failures_total", **labels) == 1
    # The page that waits shows what may still come right, and nothing else.
    assert server._reason is None or not server._reason.is_final


async def test_a_quota_that_is_reached_is_told_and_makes_nothing(server, kube):
    async def refuse(_request, _truth):
        message = 'pods "jupyter-ada" is forbidden: exceeded quota: q, requested: pods=1'
        return web_json({"message": message, "reason": "Forbidden", "code": 403}, 403)

    kube.answers = [refuse]
    with pytest.raises(web.HTTPError) as error:
        await asyncio.wait_for(server.start(), 5)
    assert error.value.status_code == 503
    assert [method for method, _ in kube.calls] == ["POST"]


def web_json(body, status):
    return server_web.json_response(body, status=status)


async def test_a_start_that_takes_too_long_says_what_was_missing_before_jupyterhub_gives_up(
    kube, answering
):
    server = make_server(answering)
    server.start_timeout = 3
    attempt = asyncio.ensure_future(server.start())
    with pytest.raises(web.HTTPError) as error:
        await asyncio.wait_for(attempt, 3)
    assert error.value.status_code == 503
    assert kube.pods == {}


async def test_a_pod_that_runs_and_does_not_answer_is_told(kube, unused_port):
    server = make_server(unused_port)
    server.http_timeout = 1
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.pods)
    run_pod(kube)
    with pytest.raises(web.HTTPError) as error:
        await asyncio.wait_for(attempt, 10)
    assert "did not answer" in error.value.jupyterhub_message
    assert kube.pods == {}


@pytest.fixture
def unused_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def test_a_start_that_is_given_up_while_its_pod_is_made_leaves_none(server, kube):
    async def be_slow(request, truth):
        await asyncio.sleep(0.3)
        return await truth(request)

    kube.answers = [be_slow]
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.calls)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    # JupyterHub asks whether it runs, and stops it if it does.
    if await poll(server) is None:
        await server.stop()
    assert kube.pods == {}
    assert server.last_end is None


async def test_a_pod_of_a_plain_kubespawner_is_left_to_it(server, kube):
    kube.make_pod("jupyter-ada", labels={}, annotations=USER)
    with pytest.raises(web.HTTPError):
        await asyncio.wait_for(server.start(), 5)
    assert list(kube.pods) == ["jupyter-ada"]


async def test_a_pod_that_is_deleted_while_it_starts_ends_the_start(server, kube):
    attempt = asyncio.ensure_future(server.start())
    await wait_until(server.get_own_pod)
    kube.remove("jupyter-ada")
    with pytest.raises(web.HTTPError):
        await asyncio.wait_for(attempt, 5)


async def test_who_gives_up_waiting_for_the_first_look_leaves_it_to_the_others(
    server, kube, answering
):
    kube.is_down = True
    impatient, patient = (asyncio.ensure_future(each.poll()) for each in (server, server))
    await asyncio.sleep(0.1)
    impatient.cancel()
    await asyncio.sleep(0.1)
    kube.is_down = False
    assert await asyncio.wait_for(patient, 5) == 1


async def test_a_start_that_never_began_says_nothing_of_an_end(server):
    server.clear_state()
    server.orm_spawner.server = orm.Server()
    assert await poll(server) == 1
    assert server.last_end is None


async def test_the_progress_tells_what_is_waited_for(server, kube):
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.pods)
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory.",
    }
    kube.put(kube.pods["jupyter-ada"] | {"status": {"phase": "Pending", "conditions": [condition]}})
    await wait_until(lambda: server._reason and server._reason.code == "unschedulable-memory")
    async for event in server.progress():
        assert "memory" in event["message"]
        assert event["message"].endswith(" s)")
        assert 0 <= event["progress"] < 100
        break
    attempt.cancel()


def tell_unscheduled(kube):
    message = "0/1 nodes are available: 1 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    kube.put(kube.pods["jupyter-ada"] | {"status": {"phase": "Pending", "conditions": [condition]}})


def tell_scale_up(kube):
    pod = kube.pods["jupyter-ada"]["metadata"]
    about = {"namespace": pod["namespace"], "name": pod["name"], "uid": pod["uid"]}
    metadata = {"name": "e", "namespace": pod["namespace"], "uid": "e-1"}
    event = {"metadata": metadata, "involvedObject": about, "reason": "TriggeredScaleUp"}
    kube.send("events", "ADDED", event | {"message": "pod triggered scale-up"})


@pytest.mark.parametrize(
    ("waits", "kept"),
    [((), "room"), ((tell_unscheduled,), None), ((tell_unscheduled, tell_scale_up), "node")],
)
async def test_starts_that_a_new_node_came_for_are_told_apart_and_those_in_a_queue_left_out(
    server, kube, monkeypatch, waits, kept
):
    times = {"room": RecentStarts(fewest=1), "node": RecentStarts(fewest=1)}
    monkeypatch.setattr(explained_spawner, "recent_starts", times["room"])
    monkeypatch.setattr(explained_spawner, "recent_node_starts", times["node"])
    attempt = asyncio.ensure_future(server.start())
    await wait_until(lambda: kube.pods)
    for wait in waits:
        wait(kube)
    if tell_scale_up in waits:
        await wait_until(lambda: server._has_new_node)
    elif waits:
        await wait_until(lambda: server._has_waited)
    run_pod(kube)
    await asyncio.wait_for(attempt, 15)
    found = [kind for kind, starts in times.items() if starts.find_middle("") is not None]
    assert found == ([kept] if kept else [])
    assert (server.usual_seconds is not None) == (kept is not None)


# Running


async def test_an_api_server_that_is_silent_says_nothing_of_a_server(server, kube):
    await start(server, kube)
    await Server._stop_all_reflectors()
    kube.answers = [500]
    reflector = await server._start_watching_pods()
    reflector.resources = {}
    assert await poll(server) is None
    assert server.last_end is None


async def test_a_pod_that_the_watch_has_lost_is_found_by_asking(server, kube, monkeypatch):
    monkeypatch.setattr(live_reflector, "_LIST_REST_SECONDS", 0)
    await start(server, kube)
    server.pod_reflector.resources = {}
    lists = kube.lists
    assert await poll(server) is None
    await wait_until(lambda: kube.lists > lists)


def say_nothing_is_there(body, kind="application/json"):
    async def answer(_request, _truth):
        text = body if isinstance(body, str) else json.dumps(body)
        return server_web.Response(text=text, status=404, content_type=kind)

    return answer


NOT_THE_POD = [
    say_nothing_is_there("<html>404 Not Found</html>", "text/html"),
    say_nothing_is_there("404 page not found", "text/plain"),
    say_nothing_is_there({"message": "no such route"}),
    say_nothing_is_there({"kind": "Status", "reason": "NotFound", "details": {}, "code": 404}),
]


@pytest.mark.parametrize("answer", NOT_THE_POD)
async def test_a_proxy_that_finds_nothing_says_nothing_of_a_server(server, kube, answer):
    await start(server, kube)
    server.pod_reflector.resources = {}
    kube.answers = [answer] * 3
    for _ in range(3):
        assert await poll(server) is None
    assert server.last_end is None


@pytest.mark.parametrize("answer", NOT_THE_POD)
async def test_a_stop_is_done_when_the_pod_is_gone_and_not_at_a_proxys_word(server, kube, answer):
    await start(server, kube)
    # It is deleted by what the watch has, and then by what is read.
    kube.answers = [answer, answer]
    await asyncio.wait_for(server.stop(), 10)
    assert kube.pods == {}


async def test_a_pod_that_was_deleted_by_hand_is_told(server, kube):
    await start(server, kube)
    kube.remove("jupyter-ada")
    await wait_until(lambda: not server.pod_reflector.pods)
    assert await poll(server) == 1
    first = server.last_end
    assert first["code"] == "deleted"
    assert await poll(server) == 1
    assert server.last_end is first
    assert server.get_state()["last_end"] == first


async def test_a_server_that_the_hub_is_stopping_keeps_the_reason_of_that(server, kube):
    await start(server, kube)
    server.remember_end(make_cull_reason(CullPolicy(), "idle", "idle for 10801 s"), "small")
    kube.remove("jupyter-ada")
    await wait_until(lambda: not server.pod_reflector.pods)
    assert await poll(server) == 1
    assert server.last_end["code"] == "culled-idle"
    assert server.get_state()["last_end"]["code"] == "culled-idle"


async def test_a_pod_that_is_being_deleted_is_ending(server, kube):
    await start(server, kube)
    assert not server.is_ending
    pod = kube.pods["jupyter-ada"]
    kube.put(pod | {"metadata": pod["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await wait_until(lambda: server.is_ending)
    assert await poll(server) is None


async def test_a_server_that_was_evicted_is_told_though_its_pod_is_gone(server, kube):
    await start(server, kube)
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    kube.put(kube.pods["jupyter-ada"] | {"status": evicted})
    kube.remove("jupyter-ada")
    await wait_until(lambda: not server.pod_reflector.pods)
    assert await poll(server) == 1
    assert server.last_end["code"] == "evicted"


def crash(kube, restarts: int, waiting: str = "CrashLoopBackOff"):
    pod = kube.pods["jupyter-ada"]
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    state = {"waiting": {"reason": waiting}} if waiting else ended
    status = {
        "name": "notebook",
        "ready": False,
        "state": state,
        "lastState": ended,
        "restartCount": restarts,
    }
    kube.put(pod | {"status": {"phase": "Running", "containerStatuses": [status]}})


async def test_a_server_that_is_started_again_in_its_pod_lives(server, kube):
    await start(server, kube)
    crash(kube, 0, waiting="")
    await wait_until(lambda: "terminated" in str(server.get_own_pod()))
    assert await poll(server) is None
    assert list(kube.pods) == ["jupyter-ada"]


async def test_a_server_that_crashes_again_and_again_is_ended_with_the_reason(server, kube):
    await start(server, kube)
    crash(kube, 3)
    await wait_until(lambda: "CrashLoopBackOff" in str(server.get_own_pod()))
    assert await poll(server) == 1
    assert server.last_end["code"] == "oom"
    assert kube.pods == {}


async def test_a_pod_on_a_lost_node_is_given_up_in_time(server, kube, monkeypatch):
    await start(server, kube)
    monkeypatch.setattr(steady_spawner, "_GOING_SECONDS", 0.1)
    pod = kube.pods["jupyter-ada"]
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    kube.put(pod | {"metadata": pod["metadata"] | going})
    await wait_until(lambda: "deletionTimestamp" in server.get_own_pod()["metadata"])
    assert await poll(server) is None
    await asyncio.sleep(0.2)
    assert await poll(server) == 1
    assert kube.pods == {}


# Stopping


async def test_a_stop_names_the_pod_that_it_means(server, kube):
    await start(server, kube)
    await asyncio.wait_for(server.stop(), 10)
    assert kube.pods == {}


def end_gracefully(kube):
    """Answer the next delete as the API server does: the pod goes when its containers have."""
    asked = []

    async def be_going(request, _truth):
        asked.append((await request.json())["gracePeriodSeconds"])
        pod = kube.pods["jupyter-ada"]
        going = {
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": asked[-1],
        }
        kube.put(pod | {"metadata": pod["metadata"] | going})
        return web_json({}, 200)

    kube.answers = [be_going]
    return asked


async def test_a_pod_has_its_grace_period_before_it_is_forced(server, kube, monkeypatch):
    monkeypatch.setattr(steady_spawner, "_GOING_SECONDS", 0.1)
    server.delete_grace_period = 1
    await start(server, kube)
    asked = end_gracefully(kube)
    stop = asyncio.ensure_future(server.stop())
    await wait_until(lambda: asked)
    await asyncio.sleep(0.7)
    assert list(kube.pods) == ["jupyter-ada"]
    await asyncio.wait_for(stop, 10)
    assert asked == [1]
    assert len(kube.list_calls("DELETE")) == 2
    assert kube.pods == {}


async def deny(_request, _truth):
    message = 'pods "x" is forbidden: User "hub" cannot delete resource "pods" in API group ""'
    return web_json({"message": message, "reason": "Forbidden", "code": 403}, 403)


async def test_a_stop_outlives_an_api_server_that_knows_no_rights_yet(server, kube):
    await start(server, kube)
    kube.answers = [deny, deny, deny]
    await asyncio.wait_for(server.stop(), 10)
    assert kube.pods == {}


async def test_a_stop_without_the_right_fails_and_can_be_tried_again(server, kube, monkeypatch):
    monkeypatch.setattr(answer_reasons, "COLD_SECONDS", 0.5)
    await start(server, kube)
    kube.answers = [deny] * 100
    with pytest.raises(StartFailed) as failure:
        await asyncio.wait_for(server.stop(), 10)
    assert failure.value.reason.code == "forbidden"
    kube.answers = [deny]
    await asyncio.wait_for(server.stop(), 10)
    assert kube.pods == {}


async def test_a_stop_leaves_a_pod_that_came_after(server, kube):
    await start(server, kube)
    kube.remove("jupyter-ada")
    kube.make_pod("jupyter-ada", labels={HUB: "north"}, annotations=USER | {START_ID: "another"})
    await wait_until(lambda: server.get_own_pod() is None)
    await asyncio.wait_for(server.stop(), 10)
    assert list(kube.pods) == ["jupyter-ada"]


async def test_a_stop_of_what_is_gone_is_done(server, kube):
    await start(server, kube)
    kube.remove("jupyter-ada")
    await wait_until(lambda: not server.pod_reflector.pods)
    await asyncio.wait_for(server.stop(), 10)
    assert kube.list_calls("DELETE") == []


async def test_a_hub_that_comes_after_knows_the_server_by_its_start(server, kube, answering):
    await start(server, kube)
    later = make_server(answering)
    later._server, later.orm_spawner = server._server, server.orm_spawner
    later.load_state(server.get_state())
    assert await poll(later) is None
    await asyncio.wait_for(later.stop(), 10)
    assert kube.pods == {}


def test_the_bar_never_reaches_its_end():
    percents = [explained_spawner._find_percent(seconds, 10) for seconds in range(0, 600, 5)]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] <= 90

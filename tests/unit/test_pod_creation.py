"""A start's pod is made once, whatever becomes of the requests for it."""

import asyncio
import logging
from functools import partial

import pytest
from aiohttp import web

from jhub_gateway import pod_creation
from jhub_gateway.clients.pods import PodRequests
from jhub_gateway.errors import StartFailed
from jhub_gateway.pod_creation import PodCreation, is_of_server
from jhub_gateway.policy import answer_reasons
from jhub_gateway.policy.labels import DATABASE, HUB, START_ID
from tests.unit.kube_server import NAMESPACE, run_kube_server

USER, SERVER = "hub.jupyter.org/username", "hub.jupyter.org/servername"
ADA = {USER: "ada", SERVER: ""}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(pod_creation, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(pod_creation, "_GOING_SECONDS", 0.02)


@pytest.fixture
async def kube():
    async with run_kube_server() as (server, api):
        yield server, api


def make_manifest(start_id: str = "now") -> dict:
    return {
        "metadata": {
            "name": "jupyter-ada",
            "labels": {HUB: "north"},
            "annotations": {START_ID: start_id} | ADA,
        }
    }


def make_creation(api, seconds: float = 5, start_id: str = "now", say=lambda _: None):
    pods = PodRequests(api.api_client, NAMESPACE, seconds)
    own = partial(is_of_server, labels={HUB: "north", DATABASE: "1"}, username="ada", name="")
    log = logging.getLogger("test")
    return PodCreation(pods, make_manifest(start_id), own, log, say)


async def run(creation: PodCreation) -> str:
    await asyncio.wait_for(creation.run(), 10)
    return creation.uid


async def test_an_ordinary_pod_costs_one_request(kube):
    server, api = kube
    assert await run(make_creation(api)) == "uid-1"
    assert len(server.calls) == 1


async def test_a_pod_whose_answer_was_lost_is_adopted_and_not_made_again(kube):
    server, api = kube

    async def make_and_be_silent(request, truth):
        answer = await truth(request)
        await asyncio.sleep(1)
        return answer

    server.answers = [make_and_be_silent]
    assert await run(make_creation(api, seconds=0.3)) == "uid-1"
    assert server.list_calls("DELETE") == []


async def test_a_pod_of_an_earlier_start_goes_by_its_uid_and_makes_room(kube):
    server, api = kube
    server.make_pod("jupyter-ada", annotations={START_ID: "before"} | ADA, labels={HUB: "north"})
    assert await run(make_creation(api)) == "uid-2"
    assert len(server.list_calls("DELETE")) == 1


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        ({HUB: "south"}, {START_ID: "before"} | ADA),
        ({HUB: "north", DATABASE: "2"}, {START_ID: "before"} | ADA),
        ({HUB: "north"}, {START_ID: "before", USER: "eve", SERVER: ""}),
        ({HUB: "north"}, {START_ID: "before", USER: "ada", SERVER: "second"}),
        ({}, {}),
    ],
)
async def test_what_belongs_to_another_is_left_alone_and_the_start_fails(kube, labels, annotations):
    server, api = kube
    server.make_pod("jupyter-ada", annotations=annotations, labels=labels)
    with pytest.raises(StartFailed) as failure:
        await run(make_creation(api))
    assert failure.value.reason is pod_creation.NAME_TAKEN
    assert server.list_calls("DELETE") == []


async def test_a_pod_that_another_start_makes_in_between_is_not_deleted_for_the_old_one(kube):
    server, api = kube
    server.make_pod("jupyter-ada", annotations={START_ID: "before"} | ADA, labels={HUB: "north"})

    async def exchange(request, truth):
        server.remove("jupyter-ada")
        server.make_pod("jupyter-ada", annotations={START_ID: "now"} | ADA, labels={HUB: "north"})
        return await truth(request)

    async def pass_on(request, truth):
        return await truth(request)

    # The create, the look at what is there, and then the delete that comes too late.
    server.answers = [pass_on, pass_on, exchange]
    assert await run(make_creation(api)) == "uid-2"
    assert list(server.pods) == ["jupyter-ada"]


async def test_a_busy_api_server_is_asked_again_no_sooner_than_it_wants(kube):
    server, api = kube
    server.answers = [429, 503]
    waited = []
    began = asyncio.get_running_loop().time()
    assert await run(make_creation(api, say=waited.append)) == "uid-1"
    assert asyncio.get_running_loop().time() - began >= 1
    assert [reason.is_final for reason in waited] == [False, False]
    assert len(server.calls) == 3


@pytest.mark.parametrize("status", [403, 422])
async def test_a_refusal_is_not_asked_again(kube, status):
    server, api = kube
    server.answers = [status]
    with pytest.raises(StartFailed):
        await run(make_creation(api))
    assert len(server.calls) == 1


DENIED = {
    401: {"message": "Unauthorized", "reason": "Unauthorized", "code": 401},
    403: {
        "message": 'pods is forbidden: User "hub" cannot create resource "pods" in API group ""',
        "reason": "Forbidden",
        "code": 403,
    },
}


def deny(status):
    async def answer(_request, _truth):
        return web.json_response(DENIED[status], status=status)

    return answer


@pytest.mark.parametrize("status", DENIED)
async def test_an_api_server_that_knows_no_rights_yet_is_waited_for(kube, status):
    server, api = kube
    server.answers = [deny(status), 503, deny(status), deny(status)]
    waited = []
    assert await run(make_creation(api, say=waited.append)) == "uid-1"
    assert [reason.code for reason in waited] == ["api-unavailable"] * 4


@pytest.mark.parametrize("status", DENIED)
async def test_rights_that_are_missing_for_long_fail_the_start(kube, status, monkeypatch):
    monkeypatch.setattr(answer_reasons, "COLD_SECONDS", 0.2)
    server, api = kube
    server.answers = [deny(status)] * 100
    creation = make_creation(api)
    with pytest.raises(StartFailed) as failure:
        await run(creation)
    assert failure.value.reason.code == "forbidden"
    assert "Unauthorized" in failure.value.reason.cause or "cannot" in failure.value.reason.cause
    # There is nothing to look for: no request can have made it.
    calls = len(server.calls)
    assert calls > 2
    assert await creation.settle() == ""
    assert len(server.calls) == calls


async def test_a_break_begins_the_wait_for_rights_anew(kube, monkeypatch):
    monkeypatch.setattr(answer_reasons, "COLD_SECONDS", 0.2)
    server, api = kube

    async def be_slow(_request, _truth):
        await asyncio.sleep(0.25)
        return web.json_response({}, status=503)

    server.answers = [deny(403), be_slow, deny(403)]
    assert await run(make_creation(api)) == "uid-1"


async def test_a_start_that_is_given_up_learns_of_the_pod_that_comes_after(kube):
    server, api = kube

    async def be_slow(request, truth):
        await asyncio.sleep(0.2)
        return await truth(request)

    server.answers = [be_slow]
    creation = make_creation(api, seconds=5)
    attempt = asyncio.ensure_future(creation.run())
    await asyncio.sleep(0.1)
    attempt.cancel()
    assert await creation.settle() == "uid-1"


async def test_a_start_that_made_nothing_has_nothing_to_delete(kube):
    server, api = kube
    server.make_pod("jupyter-ada", annotations={START_ID: "before"} | ADA, labels={HUB: "south"})
    assert await make_creation(api).settle() == ""

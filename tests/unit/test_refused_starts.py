"""A start ends as soon as its own pod says no."""

import asyncio
from types import SimpleNamespace

import pytest

from jhub_gateway.errors import StartRefused
from jhub_gateway.policy.init_containers import PREPARE
from jhub_gateway.refused_starts import START_ID, start_unless_refused

NO = '{"sentence": "No.", "cause": "because"}'


def make_pod(start_id: str | None, code: int = 1) -> dict:
    ended = {"terminated": {"exitCode": code, "message": NO}}
    return {
        "metadata": {"annotations": start_id and {START_ID: start_id}},
        "status": {"initContainerStatuses": [{"name": PREPARE, "state": ended}]},
    }


def make_spawner(**pods: dict):
    named = {f"users/{name}": pod for name, pod in pods.items()}
    return SimpleNamespace(
        namespace="users",
        pod_name="ada",
        start_id="now",
        pod_reflector=SimpleNamespace(pods=named),
    )


async def finish(seconds: float, result: str = "the address") -> str:
    await asyncio.sleep(seconds)
    return result


async def fail() -> None:
    raise TimeoutError("the pod did not start")


async def start(spawner, work) -> str:
    return await asyncio.wait_for(start_unless_refused(spawner, asyncio.ensure_future(work)), 5)


async def test_a_refused_pod_ends_the_start():
    work = asyncio.ensure_future(finish(60))
    with pytest.raises(StartRefused) as refusal:
        await start(make_spawner(ada=make_pod("now")), work)
    assert (str(refusal.value), refusal.value.cause) == ("No.", "because")
    await asyncio.sleep(0)
    assert work.cancelled()


async def test_a_pod_that_is_refused_later_ends_the_start():
    spawner = make_spawner()
    asyncio.get_running_loop().call_later(
        0.1, spawner.pod_reflector.pods.update, {"users/ada": make_pod("now")}
    )
    with pytest.raises(StartRefused):
        await start(spawner, finish(60))


@pytest.mark.parametrize(
    "pods",
    [
        {},
        {"ada": make_pod("now", code=0)},
        # An earlier start's, that is being deleted; one that is not this spawner's.
        {"ada": make_pod("before")},
        {"ada": make_pod(None)},
        {"eve": make_pod("now")},
    ],
)
async def test_what_is_no_refusal_of_this_start_lets_it_go_on(pods):
    assert await start(make_spawner(**pods), finish(0.3)) == "the address"


async def test_a_start_goes_on_before_pods_are_watched():
    spawner = make_spawner()
    spawner.pod_reflector = None
    assert await start(spawner, finish(0.3)) == "the address"


async def test_a_start_that_fails_by_itself_says_why():
    with pytest.raises(TimeoutError, match="the pod did not start"):
        await start(make_spawner(), fail())


async def test_nothing_watches_on_after_a_start_that_was_given_up():
    before = asyncio.all_tasks()
    attempt = asyncio.ensure_future(start(make_spawner(), finish(60)))
    await asyncio.sleep(0.05)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before

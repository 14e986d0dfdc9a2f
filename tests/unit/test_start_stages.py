"""Which stage a start is in, and how long each took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.start_stages import STAGES, StageTimes, find_stage
from tests.unit.reason_cases import (
    CREATING,
    DONE,
    IMAGE,
    INITIALIZING,
    RUNNING,
    START_CASES,
    make_event,
    make_notebook,
    make_pod,
    status,
    waiting,
)

PULLING = make_event("Pulling", f'Pulling image "{IMAGE}"', 1)
PULLED = make_event("Pulled", f'Successfully pulled image "{IMAGE}"', 2)


def begin(*init: dict) -> dict:
    return make_pod(status("notebook", INITIALIZING), init=init)


@pytest.mark.parametrize(
    ("pod", "events", "stage"),
    [
        (make_pod(conditions=[]), [], "scheduling"),
        (make_pod(conditions=[{"type": "PodScheduled", "status": "False"}]), [], "scheduling"),
        (make_pod(), [], "volumes"),
        (begin(status("gateway-home", CREATING)), [], "volumes"),
        (begin(status("gateway-home", RUNNING)), [], "home"),
        (make_notebook(CREATING), [], "home"),
        (make_notebook(CREATING), [PULLING], "image"),
        (make_notebook(CREATING), [PULLING, PULLED], "home"),
        (make_notebook(waiting("ImagePullBackOff")), [], "image"),
        (make_notebook(RUNNING), [PULLING, PULLED], "server"),
        (make_notebook(DONE), [], "server"),
    ],
)
def test_each_stage_is_known_by_its_pod_and_events(pod, events, stage):
    assert find_stage(pod, events) == stage


@pytest.mark.parametrize("case", START_CASES)
def test_whatever_goes_wrong_has_a_stage(case):
    assert find_stage(case.pod or {}, case.events) in STAGES


@given(st.dictionaries(st.sampled_from(["status", "spec", "metadata"]), st.none() | st.text()))
def test_what_is_no_pod_has_one_too(pod):
    assert find_stage(pod, [{}]) in STAGES


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.floats(0, 1000)), max_size=20))
def test_the_stages_add_up_to_the_whole_start(steps):
    now, times = 5.0, StageTimes(5.0)
    for stage, seconds in steps:
        now += seconds
        times.enter(stage, now)
    finished = times.finish(now + 1)
    assert sum(finished.values()) == pytest.approx(now + 1 - 5)
    assert times.stage == (steps[-1][0] if steps else "queued")
    assert finished.keys() == {"queued", *(stage for stage, _ in steps)}


def test_a_stage_that_comes_again_is_one_figure():
    times = StageTimes(0)
    times.enter("image", 1)
    times.enter("home", 3)
    times.enter("image", 7)
    assert times.finish(12) == {"queued": 1, "image": 7, "home": 4}

"""Why a server does not start."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.reason_codes import CODES
from jhub_gateway.policy.start_reasons import find_start_reason, make_timeout
from tests.unit.reason_cases import (
    BACK_OFF,
    IMAGE,
    LOW_MEMORY,
    NO_COMMAND,
    NOON,
    NOON_SECONDS,
    PENDING,
    REFUSAL,
    RUNNING,
    START_CASES,
    TIMEOUT_CASES,
    ended,
    make_event,
    make_init,
    make_notebook,
    make_pod,
    make_unscheduled,
    waiting,
)


@pytest.mark.parametrize("case", START_CASES)
def test_each_failure_has_its_code_and_ends_the_start_only_if_nothing_else_can_come(case):
    reason = case.find()
    assert (reason.code, reason.is_final) == (case.code, case.is_final), reason
    assert reason.cause


@pytest.mark.parametrize("pod", [None, {}])
def test_nothing_is_said_while_nothing_is_known(pod):
    assert find_start_reason(pod, []) is None


def test_a_wait_for_memory_says_how_much():
    pod = make_unscheduled("0/1 nodes are available: 1 Insufficient memory.")
    sentence = find_start_reason(pod, []).sentence
    assert sentence.startswith("Waiting for a machine with 1 GB of memory free.")
    pod["spec"]["containers"].append({"resources": {"requests": {"memory": "512Mi"}}})
    assert "1.5 GB of memory free" in find_start_reason(pod, []).sentence
    del pod["spec"]
    assert "enough free memory" in find_start_reason(pod, []).sentence


def test_a_new_machine_is_told_of_while_the_newest_event_says_so():
    pod = make_unscheduled("0/1 nodes are available: 1 Insufficient memory.")
    up = make_event("TriggeredScaleUp", "pod triggered scale-up: [{pool 1->2 (max: 2)}]", 1)
    down = make_event("NotTriggerScaleUp", "pod didn't trigger scale-up", 2)
    assert "new machine" in find_start_reason(pod, [up]).sentence
    reason = find_start_reason(pod, [down, up])
    assert "new machine" not in reason.sentence
    assert "NotTriggerScaleUp" in reason.cause


def test_memory_that_ran_out_is_named():
    assert (
        "its 2 GB of memory"
        in find_start_reason(make_notebook(ended(137, "OOMKilled")), []).sentence
    )
    pod = make_notebook(ended(137, "OOMKilled"))
    del pod["spec"]
    assert "ran out of its memory" in find_start_reason(pod, []).sentence


def test_an_image_is_named_to_the_user_and_the_registrys_words_to_the_operator():
    said = f"{BACK_OFF}: ErrImagePull: {IMAGE}: not found"
    reason = find_start_reason(make_notebook(waiting("ImagePullBackOff", said)), [])
    assert reason.sentence.startswith(f"The image {IMAGE} can't be found.")
    assert "ErrImagePull" in reason.cause


@pytest.mark.parametrize("word", ["unauthorized", "not-found", "denied", "404", "503"])
def test_the_name_of_an_image_decides_nothing(word):
    image = f"registry.example/{word}:1.{word}"
    said = (
        f'Back-off pulling image "{image}": ErrImagePull: failed to pull and unpack image "{image}"'
        f": failed to resolve reference: {image}: x509: certificate has expired at "
        f"https://registry.example/v2/{word}/manifests/1.{word}"
    )
    pod = make_notebook(waiting("ImagePullBackOff", said))
    pod["spec"]["containers"][0]["image"] = image
    assert find_start_reason(pod, []).code == "image-pull-slow"


def test_another_containers_failed_download_is_not_this_ones():
    failed = make_event("Failed", 'Failed to pull image "registry.example/other:1": not found')
    pod = make_notebook(waiting("ImagePullBackOff", BACK_OFF))
    assert find_start_reason(pod, [failed]).code == "image-pull-slow"


def test_a_refused_home_says_what_the_init_container_said():
    reason = find_start_reason(make_init(ended(1, message=REFUSAL)), [])
    assert (reason.sentence, reason.cause) == (
        "This home is another user's.",
        "owner marker differs",
    )


def test_an_eviction_names_what_was_short():
    pod = make_pod(phase="Failed", reason="Evicted", message=LOW_MEMORY)
    assert "short of memory" in find_start_reason(pod, []).sentence


def test_events_of_an_earlier_pod_of_the_same_name_say_nothing():
    event = make_event("NodeNotReady", "Node is not ready")
    assert find_start_reason(PENDING, [event]).code == "node-lost"
    event["involvedObject"]["uid"] = "another"
    assert find_start_reason(PENDING, [event]).code == "starting"


def test_the_newest_event_counts_in_whatever_order_and_form_they_come():
    attach = make_event("SuccessfulAttachVolume", "AttachVolume.Attach succeeded")
    attach["lastTimestamp"] = None
    attach["eventTime"] = "2026-11-21T12:00:05.250000Z"
    mount = make_event("FailedMount", "rpc error", 4)
    mount["series"] = {"count": 3, "lastObservedTime": "2026-11-21T12:00:05.240000Z"}
    for events in ([attach, mount], [mount, attach]):
        assert find_start_reason(PENDING, events).code == "mounting"
    mount["series"]["lastObservedTime"] = "2026-11-21T12:00:05.260000Z"
    for events in ([attach, mount], [mount, attach]):
        assert find_start_reason(PENDING, events).code == "mount-failed"


def test_noon_is_noon():
    pulling = make_event("Pulling", f'Pulling image "{IMAGE}"', 0, container="notebook")
    pod = make_notebook(waiting("PodInitializing"))
    for seconds, code in ((60, "pulling-image"), (61, "image-pull-slow")):
        assert find_start_reason(pod, [pulling], now=NOON_SECONDS + seconds).code == code
    assert pulling["lastTimestamp"] == NOON


def test_no_cause_has_a_secret_in_it():
    said = "couldn't run with JUPYTERHUB_API_TOKEN=0123456789abcdef0123456789abcdef\nat once"
    reason = find_start_reason(make_notebook(ended(1, message=said)), [])
    assert "0123456789abcdef" not in reason.cause
    assert "\n" not in reason.cause


@pytest.mark.parametrize("case", TIMEOUT_CASES)
def test_a_timeout_is_final_and_says_what_was_waited_for(case):
    reason = case.find()
    assert (reason.code, reason.is_final) == (case.code, True)
    assert "300 s" in reason.cause
    assert (f"{case.last}: for this" if case.last else "nothing was known") in reason.cause
    assert "Waiting" not in reason.sentence


@pytest.mark.parametrize("case", START_CASES)
def test_whatever_is_waited_for_may_take_too_long(case):
    reason = make_timeout(case.find(), 300)
    assert reason.is_final
    assert reason.code in (case.code, "timeout")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ended(128, "StartError", NO_COMMAND), f"The image {IMAGE} has no server"),
        (ended(127), f"The image {IMAGE} has no server"),
        (waiting("RunContainerError", NO_COMMAND), f"The image {IMAGE} has no server"),
        (ended(1), "ended as soon as it was started"),
        (ended(137), "ended as soon as it was started"),
    ],
)
def test_a_program_that_is_missing_is_the_images_fault(state, words):
    assert words in find_start_reason(make_notebook(state), []).sentence


def test_a_running_server_that_never_ended_has_not_crashed():
    assert find_start_reason(make_notebook(RUNNING, phase="Running"), []).code == "starting"


# What else than Kubernetes may stand at an address, and what a change of its forms may bring.
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def break_somewhere(value, draw):
    """Return a copy of ``value`` with one place, anywhere in it, that holds anything."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(anything)
    broken = value.copy()
    key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    broken[key] = break_somewhere(value[key], draw)
    return broken


@given(st.data())
def test_nothing_that_kubernetes_may_send_makes_it_raise(data):
    case = data.draw(st.sampled_from(START_CASES))
    pod = break_somewhere(case.pod, data.draw)
    events = break_somewhere(case.events, data.draw)
    reason = find_start_reason(pod, events if isinstance(events, list) else [])
    if reason is not None:
        assert reason.code in CODES
        assert reason.sentence
        assert len(reason.cause) <= 1000


@given(anything, st.lists(anything, max_size=3))
def test_rubbish_makes_it_not_raise_either(pod, events):
    find_start_reason(pod, events)


@given(st.sampled_from(START_CASES), st.randoms())
def test_the_order_of_events_does_not_matter(case, random):
    events = list(case.events)
    random.shuffle(events)
    assert find_start_reason(case.pod, events, now=case.now) == case.find()


def test_nothing_is_changed_in_what_is_read():
    before = json.dumps([(case.pod, case.events) for case in START_CASES])
    for case in START_CASES:
        case.find()
    assert json.dumps([(case.pod, case.events) for case in START_CASES]) == before

"""What runs before the user's container, and how it says no."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.models import Owner
from jhub_gateway.policy.init_containers import (
    FILL,
    PREPARE,
    UNKNOWN_PROBLEM,
    make_fill_container,
    make_prepare_container,
    read_refusal,
)
from jhub_gateway.policy.rescue import make_rescue_environment

CONTEXT = {"runAsNonRoot": True}
# What a shell, JSON and Kubernetes' $(NAME) take for something else.
tricky = st.text("$(){}'\"\\ u0024-\n`é", min_size=1, max_size=20) | st.text(max_size=20)


@given(tricky, tricky, st.lists(tricky, max_size=2))
def test_a_request_reads_back_and_kubernetes_finds_no_variable_in_it(name, subject, places):
    owner = Owner(name, "https://login.example/$(TOKEN)", subject)
    container = make_prepare_container("hub:1", owner, places, places, True, CONTEXT)
    *_, text = container["command"]
    assert json.loads(text) == {
        "owner": {"name": name, "issuer": owner.issuer, "subject": subject},
        "folders": places,
        "datasets": places,
        "rescue": True,
    }
    assert not any("$" in word for word in container["command"])
    assert text.isascii()
    assert "args" not in container


def test_the_first_sees_the_share_and_the_second_one_home_alone():
    prepare = make_prepare_container("hub:1", Owner("ada"), [], [], False, CONTEXT)
    assert [mount.get("subPath") for mount in prepare["volumeMounts"]] == [None]
    fill = make_fill_container("hub:1", "ada", ["genes-1"], {"gateway": "/gateway"}, CONTEXT)
    assert [mount["subPath"] for mount in fill["volumeMounts"]] == ["homes/ada", "tutorials"]
    assert fill["volumeMounts"][1]["readOnly"] is True
    *_, home, tutorials, text = fill["command"]
    assert [home, tutorials] == [mount["mountPath"] for mount in fill["volumeMounts"]]
    assert json.loads(text) == {"tutorials": ["genes-1"], "links": {"gateway": "/gateway"}}


@pytest.mark.parametrize(
    "container",
    [
        make_prepare_container("hub:1", Owner("ada"), [], [], False, CONTEXT),
        make_fill_container("hub:1", "ada", [], {}, CONTEXT),
    ],
)
def test_both_import_nothing_of_the_environment_and_run_restricted(container):
    assert container["command"][:4] == ["python3", "-I", "-m", "jhub_gateway.storage"]
    assert container["image"] == "hub:1"
    assert container["securityContext"] == CONTEXT
    assert "env" not in container


SAID = json.dumps({"sentence": "No.", "cause": "because"})
RUNNING, DONE = {"running": {}}, {"terminated": {"exitCode": 0}}
WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}


def ended(message: str | None, code: int = 1) -> dict:
    return {"terminated": {"exitCode": code, "message": message}}


def make_pod(name: str = PREPARE, **status) -> dict:
    return {"status": {"initContainerStatuses": [{"name": name, **status}]}}


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"status": {}},
        {"status": {"initContainerStatuses": None}},
        make_pod(),
        make_pod(state=None, lastState=None),
        make_pod(state=RUNNING),
        make_pod(state=WAITING),
        make_pod(state=DONE),
        make_pod(state={"terminated": {"exitCode": 0, "message": SAID}}),
        # What else the operator runs in pods, and what puts files into homes, refuses nothing.
        make_pod("block-cloud-metadata", state=ended(SAID)),
        make_pod(FILL, state=ended(SAID)),
    ],
)
def test_nothing_is_refused(pod):
    assert read_refusal(pod) is None


def test_a_second_run_that_went_well_counts():
    assert read_refusal(make_pod(state=DONE, lastState=ended(SAID))) is None


@pytest.mark.parametrize(
    "pod",
    [
        make_pod(state=ended(SAID)),
        make_pod(state=WAITING, lastState=ended(SAID)),
        make_pod(state=RUNNING, lastState=ended(SAID)),
        make_pod(state=ended(SAID), lastState=ended("older")),
    ],
)
def test_a_refusal_is_read(pod):
    assert read_refusal(pod) == ("No.", "because")


@pytest.mark.parametrize(
    "message",
    [
        None,
        "",
        "Traceback (most recent call last): ...",
        SAID[:-3],
        "null",
        "[]",
        "7",
        '"No."',
        '{"sentence": "No."}',
        '{"cause": "because"}',
        "[" * 4096,
    ],
)
def test_rubbish_is_a_general_sentence_and_the_rubbish_in_the_log(message):
    sentence, cause = read_refusal(make_pod(state=ended(message, code=137)))
    assert sentence == UNKNOWN_PROBLEM
    assert cause == f"the init container {PREPARE} ended with 137: {message or ''}"


@given(st.text(max_size=60))
def test_no_message_makes_the_hub_fail(message):
    assert read_refusal(make_pod(state=ended(message))) is not None


def test_in_rescue_mode_nothing_that_jupyter_reads_at_its_start_is_in_the_home():
    environment = make_rescue_environment("/run/x")
    for flag in ("JHUB_GATEWAY_RESCUE", "PYTHONNOUSERSITE"):
        assert environment.pop(flag) == "1"
    assert set(environment) == {
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "IPYTHONDIR",
    }
    assert len(set(environment.values())) == len(environment)
    assert all(path.startswith("/run/x/") for path in environment.values())

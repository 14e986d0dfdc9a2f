"""Why a server that ran has ended, or was started again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.end_reasons import find_end_reason, find_restart
from jhub_gateway.policy.reason_codes import CODES
from tests.unit.reason_cases import (
    END_CASES,
    LOW_MEMORY,
    RESTART_CASES,
    RUNNING,
    ended,
    make_ended,
    make_notebook,
)
from tests.unit.test_start_reasons import anything, break_somewhere


@pytest.mark.parametrize("case", END_CASES)
def test_each_end_has_its_code(case):
    reason = case.find()
    assert (reason.code, reason.is_final) == (case.code, True), reason
    assert reason.cause


@pytest.mark.parametrize("case", RESTART_CASES)
def test_a_restart_is_told_and_the_server_goes_on(case):
    reason = case.find()
    assert (reason.code, reason.is_final) == (case.code, False), reason
    assert "was started again" in reason.sentence


@pytest.mark.parametrize(
    "pod",
    [
        None,
        {},
        make_notebook(RUNNING),
        # It ended, and is not started again.
        make_notebook(ended(137, "OOMKilled")),
    ],
)
def test_no_restart_is_told_where_there_was_none(pod):
    assert find_restart(pod) is None


def test_memory_that_ran_out_is_named():
    killed = ended(137, "OOMKilled")
    assert "its 2 GB of memory" in find_end_reason(make_ended(killed)).sentence
    assert "its 2 GB of memory" in find_restart(make_ended(RUNNING, killed, 1)).sentence


def test_the_limit_is_read_from_the_status_where_a_pod_is_kept_without_its_spec():
    pod = make_ended(ended(137, "OOMKilled"))
    del pod["spec"]
    assert "ran out of memory" in find_end_reason(pod).sentence
    resources = {"limits": {"memory": "4Gi"}}
    pod["status"]["containerStatuses"][0]["resources"] = resources
    assert "its 4 GB of memory" in find_end_reason(pod).sentence


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (LOW_MEMORY, "short of memory"),
        ("The node had condition: [MemoryPressure]. ", "short of memory"),
        ("The node was low on resource: ephemeral-storage. ", "temporary files"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", "files"),
        ("The node had condition: [DiskPressure]. ", "temporary files"),
        ("The node was low on resource: pids. ", "short of what it needs"),
        ("", "short of what it needs"),
    ],
)
def test_an_eviction_says_what_was_short(message, words):
    pod = make_ended(ended(137), phase="Failed", reason="Evicted", message=message)
    assert words in find_end_reason(pod).sentence


def test_an_end_for_want_of_memory_comes_before_the_removal_that_follows():
    pod = make_ended(
        ended(137, "OOMKilled"), metadata={"deletionTimestamp": "2026-11-21T12:00:00Z"}
    )
    assert find_end_reason(pod).code == "oom"


def test_an_older_end_for_want_of_memory_is_not_why_a_running_server_is_removed():
    pod = make_ended(
        RUNNING,
        ended(137, "OOMKilled"),
        1,
        metadata={"deletionTimestamp": "2026-11-21T12:00:00Z"},
    )
    assert find_end_reason(pod).code == "deleted"


@given(st.data())
def test_nothing_that_kubernetes_may_send_makes_it_raise(data):
    case = data.draw(st.sampled_from(END_CASES + RESTART_CASES))
    pod = break_somewhere(case.pod, data.draw)
    events = data.draw(st.lists(anything, max_size=3))
    reason = find_end_reason(pod, events)
    assert reason.code in CODES
    assert reason.is_final
    find_restart(pod)

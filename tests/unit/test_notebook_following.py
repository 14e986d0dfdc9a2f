"""Waiting for a job of TES or WES: its states, its end, and a service that is away meanwhile."""

import json

import pytest
import requests

from jhub_gateway.notebook import JobFailed, follow, following


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time that passes in sleeps alone. What was slept is in the list."""
    slept = []
    monkeypatch.setattr(following.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(following.time, "sleep", slept.append)
    return slept


def make_service(*answers):
    """Return what answers with one after the other, and raises those that are errors."""
    left = list(answers)

    def get_state():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return get_state


def test_each_state_is_shown_once(clock):
    shown = []
    get_state = make_service("QUEUED", "QUEUED", "RUNNING", "RUNNING", "RUNNING", "COMPLETE")
    follow("Rain", get_state, show=shown.append)
    assert [line.split(" after ")[0] for line in shown] == [
        "Rain: QUEUED",
        "Rain: RUNNING",
        "Rain: COMPLETE",
    ]
    assert shown[-1].endswith(f"after {sum(clock):.0f} s")


def test_a_long_job_is_asked_less_and_less_often(clock):
    follow("Rain", make_service(*["RUNNING"] * 50, "COMPLETE"), show=str)
    assert clock[0] == 2
    assert clock == sorted(clock)
    assert max(clock) == clock[-1] == 15


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("EXECUTOR_ERROR", "ended with an error"),
        ("SYSTEM_ERROR", "no fault of your program"),
        ("CANCELED", "was cancelled"),
        ("PREEMPTED", "Submit it again"),
    ],
)
def test_a_job_that_ended_otherwise_is_told_in_a_sentence(state, words):
    with pytest.raises(JobFailed, match=words) as failure:
        follow("Rain", make_service("RUNNING", state), show=str)
    assert failure.value.state == state
    assert str(failure.value).startswith(f"Rain ended as {state}. ")


def test_the_last_lines_of_a_failed_job_are_shown_without_their_colours():
    log = "\n".join(f"line {number}" for number in range(30)) + "\n\x1b[31mno such file\x1b[0m\n"
    with pytest.raises(JobFailed) as failure:
        follow("Rain", make_service("EXECUTOR_ERROR"), lambda: log, show=str)
    lines = str(failure.value).splitlines()
    assert lines[0].endswith("The last lines that it said:")
    assert lines[1:] == [*(f"line {number}" for number in range(19, 30)), "no such file"]


def test_a_job_that_said_nothing_has_no_lines():
    with pytest.raises(JobFailed, match=r"with an error\.$"):
        follow("Rain", make_service("EXECUTOR_ERROR"), lambda: " \n", show=str)


def test_a_service_that_is_away_for_a_moment_is_waited_for():
    shown = []
    away = requests.ConnectionError("refused")
    get_state = make_service("RUNNING", away, away, away, "COMPLETE")
    follow("Rain", get_state, show=shown.append)
    assert shown[1] == "The service does not answer. Asking again for up to a minute."
    assert len(shown) == 3


def test_a_service_that_stays_away_ends_the_waiting(clock):
    def get_state():
        raise requests.ConnectionError("refused")

    with pytest.raises(requests.ConnectionError):
        follow("Rain", get_state, show=str)
    assert 60 <= sum(clock) < 70


def test_what_does_not_pass_is_raised_at_once(clock):
    with pytest.raises(KeyError):
        follow("Rain", make_service(KeyError("state")), show=str)
    assert clock == []


def test_the_server_counts_as_in_use_for_as_long(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notes = []

    def get_state():
        notes.extend(json.loads(file.read_text()) for file in tmp_path.glob("*/*.json"))
        return "COMPLETE"

    follow("Rain", get_state, show=str)
    assert [note["name"] for note in notes] == ["Rain"]
    assert list(tmp_path.glob("*/*.json")) == []

"""What JupyterLab says of a stop, as Node.js runs it."""

import json
import os
import subprocess

import pytest

from demo.node import find_node
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_words import describe_cause, describe_duration
from tests.unit.notebook_server import NOTEBOOK

TEXT = NOTEBOOK / "share/jupyter/labextensions/jhub-gateway/lib/cull_text.js"
NOW = 4_099_392_000_000  # a Thursday, 16:00 UTC
HOUR = 3600
IDLE = {"seconds": 100 * 60, "why": "nobody has used it for 3 hours", "keep_seconds": 4 * HOUR}


def run(*expressions: str) -> list:
    """Return the values of JavaScript expressions over cull_text.js."""
    code = f"{TEXT.read_text()}\nconsole.log(JSON.stringify([{', '.join(expressions)}]));"
    return json.loads(
        subprocess.run(
            [find_node().executable, "--input-type=module", "-"],
            input=code,
            env={**os.environ, "TZ": "UTC", "LC_ALL": "en_GB.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def make_notice(stop: dict) -> str:
    text = json.dumps(stop)
    return f"getNotice({text}, getStopTime({text}, null, {NOW}), {NOW})"


def test_the_notice_says_when_and_why():
    notices = run(
        make_notice(IDLE),
        make_notice({**IDLE, "seconds": 10 * HOUR}),
        make_notice({**IDLE, "seconds": 240}),
        make_notice({}),
    )
    assert notices == [
        "This server stops at 17:40, because nobody has used it for 3 hours.",
        "This server stops at 02:00 on Friday, because nobody has used it for 3 hours.",
        "This server stops soon, at 16:04, because nobody has used it for 3 hours.",
        "",
    ]


def test_no_notice_is_cut_off():
    """JupyterLab shows 140 characters of one."""
    policy = CullPolicy(idle_after=13 * HOUR, busy_max=90 * 24 * HOUR, max_age=400 * 24 * HOUR)
    stops = [
        {**IDLE, "seconds": seconds, "why": why}
        for seconds in (240, 30 * HOUR)
        for why in (*(describe_cause(policy, cause) for cause in ("idle", "busy", "age")), "w" * 99)
    ]
    notices = run(*map(make_notice, stops))
    assert max(map(len, notices)) <= 140
    assert [notice.endswith("Your files stay.") for notice in notices] == [False] * 3 + [True] + [
        False
    ] * 3 + [True]


@pytest.mark.parametrize("seconds", [1, 20, 60, 90, 1800, 3600, 5400, 4 * HOUR, 24 * HOUR, 9e5])
def test_the_button_says_the_duration_as_the_hub_does(seconds):
    number, unit = describe_duration(seconds).split()
    assert run(f"getButton({{keep_seconds: {seconds}}})") == [f"Keep it {number} more {unit}"]


def test_there_is_no_button_where_nothing_is_left_to_give():
    assert run("getButton({keep_seconds: 0})", "getButton({})") == ["", ""]


def test_one_stop_keeps_its_time_however_long_the_answers_take():
    times = run(
        f"getStopTime({{seconds: 600}}, null, {NOW})",
        f"getStopTime({{seconds: 570}}, {NOW + 600_000}, {NOW})",
        f"getStopTime({{seconds: 900}}, {NOW + 600_000}, {NOW})",
        f"getStopTime({{}}, {NOW + 600_000}, {NOW})",
    )
    assert times == [NOW + 600_000, NOW + 600_000, NOW + 900_000, None]


def test_it_says_until_when_the_server_is_kept():
    answers = run(f"getKept({{seconds: {5 * HOUR}}}, {NOW})", f"getKept({{seconds: 1e5}}, {NOW})")
    assert answers == ["Your server runs until 21:00.", "Your server runs until 19:46 on Friday."]

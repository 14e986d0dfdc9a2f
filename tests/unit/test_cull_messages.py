"""What cullers and servers send to the hub: anything but what is meant is refused."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.cull_messages import (
    Clear,
    CullPass,
    Notices,
    ServerName,
    StopOrder,
    Warn,
    parse_notices,
    parse_server_name,
    parse_stop_order,
)

ADA = {"user": "ada", "server": "", "run": "1" * 16}
WARN = {**ADA, "seconds": 1500.5, "cause": "idle"}
STOP = {**ADA, "cause": "age", "granted": 0, "detail": "too old"}
PASS = {"servers": 1000, "unknown": 3, "seconds": 1.2}


def test_notices_are_read() -> None:
    name = ServerName("ada", "")
    body = {"warn": [WARN], "clear": [ADA], "pass": PASS}
    assert parse_notices(body) == Notices(
        (Warn(name, "1" * 16, 1500.5, "idle"),),
        (Clear(name, "1" * 16),),
        CullPass(1000, 3, 1.2),
    )
    assert parse_notices({}) == Notices((), (), None)


def test_an_order_is_read_with_or_without_its_detail() -> None:
    name = ServerName("ada", "")
    assert parse_stop_order(STOP) == StopOrder(name, "1" * 16, "age", 0, "too old")
    without = {key: value for key, value in STOP.items() if key != "detail"}
    assert parse_stop_order(without).detail == ""
    # A server that an earlier version started has no run.
    assert parse_stop_order({**STOP, "run": ""}).run == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"user": None}, "user must be a text"),
        ({"user": ["ada"]}, "user must be a text"),
        ({"user": "a\0"}, "user must be a text"),
        ({"user": "\ud800"}, "user must be a text"),
        ({"user": "a" * 256}, "user is longer than 255 characters"),
        ({"server": 1}, "server must be a text"),
        ({"run": "1" * 65}, "run is longer than 64 characters"),
        ({"cause": "boredom"}, "cause must be one of age, busy, idle"),
        ({"cause": {}}, "cause must be one of age, busy, idle"),
        ({"granted": -1}, "granted must be a number of 0 or more"),
        ({"granted": True}, "granted must be a number of 0 or more"),
        ({"granted": "0"}, "granted must be a number of 0 or more"),
        ({"granted": math.nan}, "granted must be a number of 0 or more"),
        ({"granted": math.inf}, "granted must be a number of 0 or more"),
        ({"granted": 10**400}, "granted must be a number of 0 or more"),
        ({"detail": 1}, "detail must be a text"),
        ({"detail": "x" * 1001}, "detail is longer than 1000 characters"),
    ],
)
def test_a_wrong_order_is_refused_by_its_key(changes, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_stop_order({**STOP, **changes})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "ada",
        {"warn": {}},
        {"warn": [1]},
        {"warn": [ADA]},
        {"clear": [{"user": "ada"}]},
        {"pass": 1},
        {"pass": {**PASS, "servers": math.nan}},
    ],
)
def test_wrong_notices_are_refused(body) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_notices(body)


_anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["warn", "clear", "pass", *STOP]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(_anything)
def test_whatever_json_says_there_is_an_answer(body: Any) -> None:
    for parse in (parse_notices, parse_stop_order, parse_server_name):
        with suppress(ValueError):
            json.dumps(repr(parse(body)))

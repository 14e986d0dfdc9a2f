"""How old the watches are, for probes and for Prometheus."""

import time

import pytest
from prometheus_client import REGISTRY

from jhub_gateway.watches.ages import forget_contact, note_contact, watch_ages

GAUGE = "jhub_gateway_watch_age_seconds"


@pytest.fixture
def clock(monkeypatch):
    """The time that watches are measured by; ``clock[0]`` is in seconds."""
    # What other tests of this process watch.
    for kind in watch_ages():
        forget_contact(kind)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    for kind in watch_ages():
        forget_contact(kind)


def read_gauge(kind: str) -> float | None:
    return REGISTRY.get_sample_value(GAUGE, {"kind": kind})


def test_an_age_grows_until_the_next_contact(clock):
    assert read_gauge("pods") is None
    note_contact("pods")
    clock[0] += 5
    note_contact("events")
    clock[0] += 2.5
    assert watch_ages() == {"pods": 7.5, "events": 2.5}
    assert (read_gauge("pods"), read_gauge("events")) == (7.5, 2.5)
    note_contact("pods")
    assert watch_ages() == {"pods": 0, "events": 2.5}
    assert read_gauge("pods") == 0


def test_what_is_not_watched_any_more_has_no_age(clock):
    note_contact("events")
    forget_contact("events")
    forget_contact("events")
    assert watch_ages() == {}
    assert read_gauge("events") is None
    note_contact("events")
    clock[0] += 1
    assert read_gauge("events") == 1

"""What a user is offered whose server ran out of memory."""

import json
from types import SimpleNamespace

import pytest
from jupyterhub import version_info

from jhub_gateway.policy.profiles import parse_profiles
from jhub_gateway.size_offers import make_end_view, make_environment

(LARGE,) = parse_profiles([{"slug": "large", "display_name": "Large", "memory": "8G"}])
ARGUMENT = "opt-profile" if version_info >= (6,) else "profile"


def make_spawner(name: str = "") -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        hub=SimpleNamespace(base_url="/base/hub/"),
        user=SimpleNamespace(escaped_name="ada%40example.org"),
    )


def make_end(code: str) -> dict[str, str]:
    return {"code": code, "sentence": "It ended.", "at": "2026-11-21T14:03:00+00:00"}


@pytest.mark.parametrize(("name", "path"), [("", ""), ("two words", "/two%20words")])
def test_a_server_is_told_the_page_that_restarts_it(name, path):
    larger = json.loads(make_environment(make_spawner(name), LARGE)["JHUB_GATEWAY_LARGER"])
    assert (larger["name"], larger["memory"]) == ("Large", "8 GB")
    address = f"/base/hub/gateway/restart/ada%40example.org{path}"
    assert larger["url"] == f"{address}?profile=large"


def test_the_largest_server_is_told_of_none():
    assert make_environment(make_spawner(), None) == {}


def test_a_larger_size_is_offered_after_an_end_for_want_of_memory_alone():
    view = make_end_view(make_spawner(), make_end("oom"), LARGE)
    assert view.offer.url == (f"/base/hub/spawn/ada%40example.org?{ARGUMENT}=large")
    assert make_end_view(make_spawner(), make_end("node-lost"), LARGE).offer is None
    assert make_end_view(make_spawner(), make_end("oom"), None).offer is None

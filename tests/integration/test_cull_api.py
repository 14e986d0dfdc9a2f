"""What a culler and a user's server ask of the hub: a real hub, with real servers."""

import time
from typing import Any

import pytest
import requests

from tests.fixtures.hub import Hub
from tests.fixtures.local_site import ask_server, make_local_config, start_server

POLICY = {
    "idle_after": 3600,
    "warn_before": 1,
    "grace_after_disconnect": 0,
    "keep_alive_step": 7200,
    "keep_alive_max": 10800,
    "exempt_groups": ["staff"],
}
PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "2G"},
    {"slug": "large", "display_name": "Large", "memory": "4G", "cull": {"idle_after": 60}},
]
# What the service has, and what falls short of it.
ROLES = """
c.JupyterHub.services += [
    {"name": "culler", "api_token": "culler-token-0001"},
    {"name": "reader", "api_token": "reader-token-0001"},
    {"name": "filtered", "api_token": "filtered-token-01"},
]
c.JupyterHub.load_roles += [
    {"name": "culler", "services": ["culler"], "scopes": ["read:servers", "delete:servers"]},
    {"name": "reader", "services": ["reader"], "scopes": ["read:servers"]},
    {"name": "filtered", "services": ["filtered"],
     "scopes": ["read:servers", "delete:servers!user=ada"]},
]
"""
CULLER = "culler-token-0001"


def make_config(**policy: Any) -> str:
    return make_local_config(cull=POLICY | policy, memory_profiles=PROFILES) + ROLES


@pytest.fixture
def hub(make_hub) -> Hub:
    return make_hub(make_config())


def list_servers(hub: Hub, query: str = "") -> dict[str, Any]:
    answer = hub.api("GET", f"/gateway/servers{query}", CULLER)
    answer.raise_for_status()
    return answer.json()


def find_server(hub: Hub, user: str = "ada") -> dict[str, Any]:
    [server] = [one for one in list_servers(hub)["servers"] if one["user"] == user]
    return server


def warn(hub: Hub, server: dict[str, Any], seconds: float = 60, cause: str = "idle") -> int:
    named = {key: server[key] for key in ("user", "server", "run")}
    body = {"warn": [{**named, "seconds": seconds, "cause": cause}]}
    answer = hub.api("POST", "/gateway/notices", CULLER, json=body)
    answer.raise_for_status()
    return answer.json()["missed"]


def stop(hub: Hub, server: dict[str, Any], **changes: Any) -> requests.Response:
    named = {key: server[key] for key in ("user", "server", "run", "granted")}
    body = {**named, "cause": "idle", "detail": "idle for 3601 s", **changes}
    return hub.api("POST", "/gateway/stops", CULLER, json=body)


def wait_until_gone(hub: Hub, user: str = "ada") -> None:
    for _ in range(100):
        if not hub.api("GET", f"/users/{user}").json()["servers"]:
            return
        time.sleep(0.1)
    pytest.fail(hub.tail())


def test_a_running_server_is_listed_with_what_decides_on_it(hub) -> None:
    start_server(hub, "ada", profile="large")
    start_server(hub, "grace", "staff")
    found = list_servers(hub)
    assert found["next"] is None
    ada, grace = found["servers"]
    assert (ada["user"], ada["server"], ada["profile"]) == ("ada", "", "large")
    assert found["policies"][ada["policy"]]["idle_after"] == 60
    assert found["policies"][grace["policy"]]["idle_after"] == 3600
    assert "exempt_groups" not in found["policies"][0]
    assert [ada["is_exempt"], grace["is_exempt"]] == [False, True]
    assert 0 <= ada["age"] < 60
    assert 0 <= ada["idle_for"] < 60
    assert [ada[key] for key in ("kept_for", "granted", "warned_for", "cause")] == [
        0,
        0,
        None,
        None,
    ]
    assert len(bytes.fromhex(ada["run"])) == 8
    assert ada["run"] != grace["run"]
    # The key is the server's own, and no other's.
    assert ask_server(ada["url"])["JHUB_GATEWAY_USE_KEY"] == ada["key"]
    assert len(ada["key"]) >= 40
    assert ada["key"] != grace["key"]


def test_pages_go_on_where_the_last_one_ended(hub) -> None:
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        start_server(hub, name)
    hub.stop_server("user-1")
    found, after = [], 0
    while after is not None:
        page = list_servers(hub, f"?limit=2&after={after}")
        assert len(page["servers"]) <= 2
        found += [one["user"] for one in page["servers"]]
        after = page["next"]
    assert found == ["user-0", "user-2", "user-3", "user-4"]

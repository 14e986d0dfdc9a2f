"""One id from the browser's request to the API server, through a real proxy and a real hub."""

import json
from typing import Any

import pytest
import requests

from tests.cluster.cluster import get_given_kubeconfig
from tests.cluster.paths import LOGS
from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub
from tests.fixtures.tiers import cannot_run
from tests.integration.test_spawner import make_config

HEADER = "X-Request-Id"
ANNOTATION = "jhub-gateway/request-id"


@pytest.fixture
def hub(namespace: Namespace, make_hub) -> Hub:
    return make_hub(make_config(namespace), namespace.environment)


def start_with_id(hub: Hub, user: str, request_id: str) -> requests.Response:
    token = hub.add_user(user)
    answer = requests.post(
        f"{hub.url}/hub/api/users/{user}/server",
        headers={"Authorization": f"Bearer {token}", HEADER: request_id},
        timeout=60,
    )
    answer.raise_for_status()
    return answer


def read_calls(namespace: Namespace) -> list[dict[str, Any]]:
    """What the hub asked of the API server in this namespace, from its audit log."""
    if get_given_kubeconfig():
        cannot_run("the audit log of a foreign cluster is not at hand")
    events: list[dict[str, Any]] = []
    # The API server gives a log that has grown too long another name.
    for path in sorted(LOGS.glob("audit*.log")):
        with path.open() as lines:
            own = (line for line in lines if f'"namespace":"{namespace.name}"' in line)
            events += map(json.loads, own)
    return [event for event in events if event["userAgent"].startswith("jhub-gateway/")]


def test_an_id_of_the_proxy_reaches_the_api_server(hub, namespace):
    answer = start_with_id(hub, "ada", "from-the-proxy.1")
    assert answer.headers[HEADER] == "from-the-proxy.1"
    pod = namespace.wait_for_pod()
    assert pod["metadata"]["annotations"][ANNOTATION] == "from-the-proxy.1"
    lines = [line for line in hub.log.splitlines() if "[request from-the-proxy.1]" in line]
    # By its UID the kubelet knows the pod; and the answer to who asked for it.
    assert any(f"UID {pod['metadata']['uid']}" in line for line in lines), hub.log
    assert any("POST /hub/api/users/ada/server" in line for line in lines), hub.log
    [create] = [
        call
        for call in read_calls(namespace)
        if call["verb"] == "create" and call["objectRef"]["resource"] == "pods"
    ]
    assert create["userAgent"].endswith("(request from-the-proxy.1)")


def test_starts_at_once_keep_their_ids_and_the_watch_has_none(hub, namespace):
    for user in ("ada", "grace"):
        start_with_id(hub, user, f"of-{user}")
    pods = namespace.wait_for_pods(2)
    assert {
        pod["metadata"]["annotations"]["hub.jupyter.org/username"]: (
            pod["metadata"]["annotations"][ANNOTATION]
        )
        for pod in pods
    } == {"ada": "of-ada", "grace": "of-grace"}
    watches = [call for call in read_calls(namespace) if call["verb"] == "watch"]
    assert watches
    assert not [call["userAgent"] for call in watches if "request" in call["userAgent"]]


def test_without_a_proxys_id_the_hub_makes_a_short_one(hub):
    answers = [requests.get(f"{hub.url}/hub/login", timeout=10) for _ in range(2)]
    ids = {answer.headers[HEADER] for answer in answers}
    assert len(ids) == 2
    for made in ids:
        assert len(made) == 10
        assert f"[request {made}]" in hub.log


def test_what_is_no_id_is_never_logged(hub):
    answer = requests.get(f"{hub.url}/hub/login", headers={HEADER: "no id <at all>"}, timeout=10)
    assert f"[request {answer.headers[HEADER]}]" in hub.log
    assert "at all" not in hub.log + answer.headers[HEADER]

"""The parts of the storm benchmark that need an API server, but no fake nodes: kwok builds slowly.

A whole storm is `make bench-storm N=5 ROUNDS=1`.
"""

import base64
import json
import threading
import time

import pytest
import requests
import yaml

from benchmarks.storm.audit import AuditLog, count_calls
from benchmarks.storm.background import run_module
from benchmarks.storm.site import ACCOUNT, write_account
from tests.cluster.cluster import get_given_kubeconfig
from tests.fixtures.tiers import cannot_run

DELAY = 4
POD = {
    "metadata": {"name": "storm"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "one",
                "image": "storm:none",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
        # Nobody runs it, and its removal waits for nobody.
        "schedulerName": "none",
        "terminationGracePeriodSeconds": 0,
    },
}


@pytest.fixture
def slow_api(namespace, tmp_path):
    """A session of a hub's account by way of the slow API, and the pods' address there."""
    if get_given_kubeconfig():
        cannot_run("the audit log of a foreign cluster is not at hand")
    path = tmp_path / "kubeconfig"
    write_account(path, namespace)
    content = yaml.safe_load(path.read_text())
    cluster = content["clusters"][0]["cluster"]
    authority = tmp_path / "ca.crt"
    authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {content['users'][0]['user']['token']}"
    with run_module("slow_api", cluster["server"], str(authority), str(DELAY)) as port:
        yield session, f"http://127.0.0.1:{port}/api/v1/namespaces/{namespace.name}/pods"


def test_creation_is_answered_late_and_told_by_the_watch_at_once(slow_api, namespace):
    session, pods = slow_api
    log = AuditLog()
    seen = []

    def watch() -> None:
        query = {"watch": "1", "timeoutSeconds": "20"}
        with session.get(pods, params=query, stream=True, timeout=30) as answer:
            for line in answer.iter_lines(chunk_size=1):
                seen.append((json.loads(line)["type"], time.monotonic()))
                return

    watching = threading.Thread(target=watch)
    watching.start()
    begun = time.monotonic()
    answer = session.post(pods, json=POD, timeout=30)
    answered = time.monotonic()
    watching.join(20)
    assert answer.status_code == 201, answer.text
    assert answered - begun >= DELAY
    ((kind, told),) = seen
    assert kind == "ADDED"
    assert told < answered - 1

    begun = time.monotonic()
    assert session.delete(f"{pods}/storm", timeout=30).ok
    assert time.monotonic() - begun < DELAY
    calls = count_calls(log.read(), f"system:serviceaccount:{namespace.name}:{ACCOUNT}")
    assert (calls.by_verb["create pods"], calls.by_verb["watch pods"]) == (1, 1)
    assert calls.deleted_pods == {"storm"}

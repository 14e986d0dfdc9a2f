"""What a real scheduler, kubelet and containerd say of pods that don't start."""

import time

import pytest

from jhub_gateway.models import Reason
from jhub_gateway.policy.end_reasons import find_end_reason, find_restart
from jhub_gateway.policy.pod_security import (
    make_restricted_container_context,
    make_restricted_pod_context,
)
from jhub_gateway.policy.start_reasons import find_start_reason
from tests.cluster.versions import USER_IMAGE
from tests.fixtures.cluster import Namespace

# Within this time an init container has failed twice, on a busy machine.
_SECONDS = 120
EATS_MEMORY = ["python3", "-c", "print(len(bytearray(200 << 20)))"]


def make_container(name: str, **more: object) -> dict:
    return {
        "name": name,
        "image": USER_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "600"],
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "48Mi"}},
        "securityContext": make_restricted_container_context(None),
    } | more


def make_pod(container: dict | None = None, **spec: object) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "restartPolicy": "OnFailure",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": make_restricted_pod_context({"runAsUser": 1000}),
            "containers": [make_container("notebook", **(container or {}))],
        }
        | spec,
    }


def make_mounting_pod(**source: object) -> dict:
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return make_pod(mounts, volumes=[{"name": "data", **source}])


def ask_for(**resources: str) -> dict:
    return make_pod({"resources": {"requests": {"memory": "8Mi"} | resources}})


FINAL, WAITS = True, False
PODS = {
    "fine": (make_pod(), "starting", WAITS),
    "memory": (ask_for(memory="900Gi"), "unschedulable-memory", WAITS),
    "cores": (ask_for(cpu="900"), "unschedulable-cpu", WAITS),
    "selector": (make_pod(nodeSelector={"no": "such"}), "unschedulable", WAITS),
    "claim": (
        make_mounting_pod(persistentVolumeClaim={"claimName": "none"}),
        "unschedulable-volume",
        FINAL,
    ),
    "registry": (make_pod({"image": "127.0.0.1:1/away:1"}), "image-pull-slow", WAITS),
    "name": (make_pod({"image": "No Name"}), "image-not-found", FINAL),
    "never": (
        make_pod({"image": "none.example/none:1", "imagePullPolicy": "Never"}),
        "image-not-found",
        FINAL,
    ),
    "secret": (make_mounting_pod(secret={"secretName": "none"}), "mount-failed", WAITS),
    "variable": (
        make_pod({"envFrom": [{"secretRef": {"name": "none"}}]}),
        "misconfigured",
        FINAL,
    ),
    "crash": (make_pod({"command": ["sh", "-c", "exit 3"]}), "crash-at-start", FINAL),
    "program": (make_pod({"command": ["no-such-program"]}), "crash-at-start", FINAL),
    "greedy": (make_pod({"command": EATS_MEMORY}), "oom-at-start", FINAL),
    "init": (
        make_pod(initContainers=[make_container("fetch", command=["sh", "-c", "exit 5"])]),
        "init-failed",
        FINAL,
    ),
}


Found = dict[str, tuple[dict, Reason | None]]


def find_reasons(namespace: Namespace) -> Found:
    """Return each pod with its reason."""
    events = namespace.get("events")["items"]
    pods = {pod["metadata"]["name"]: pod for pod in namespace.get("pods")["items"]}
    return {
        name: (pod, find_start_reason(pod, [one for one in events if is_about(one, name)]))
        for name, pod in pods.items()
    }


def is_about(event: dict, name: str) -> bool:
    return event["involvedObject"]["name"] == name


@pytest.fixture
def found(node_namespace: Namespace) -> Found:
    """Each pod, as it was when its reason was the expected one, or at the end of the time."""
    items = [pod | {"metadata": {"name": name}} for name, (pod, _, _) in PODS.items()]
    pods = {"apiVersion": "v1", "kind": "List", "items": items}
    node_namespace.kubectl("create", "-f", "-", manifest=pods)
    found: Found = {}
    waiting = set(PODS)
    deadline = time.monotonic() + _SECONDS
    while waiting and time.monotonic() < deadline:
        now = find_reasons(node_namespace)
        found |= {name: now[name] for name in waiting}
        waiting -= {
            name
            for name, (_, reason) in now.items()
            if reason is not None and (reason.code, reason.is_final) == PODS[name][1:]
        }
        time.sleep(0.5)
    return found


def test_each_pod_that_does_not_start_has_its_reason(found):
    reasons = {name: reason for name, (_, reason) in found.items()}
    codes = {name: reason and (reason.code, reason.is_final) for name, reason in reasons.items()}
    assert codes == {name: (code, is_final) for name, (_, code, is_final) in PODS.items()}, reasons
    assert "has no server that can be started" in reasons["program"].sentence
    assert "its 48 MB of memory" in reasons["greedy"].sentence
    assert "900 GB of memory" in reasons["memory"].sentence
    # The same pods, had they been servers that ran.
    assert find_end_reason(found["greedy"][0]).code == "oom"
    assert find_end_reason(found["crash"][0]).code == "crashed"
    assert find_restart(found["fine"][0]) is None

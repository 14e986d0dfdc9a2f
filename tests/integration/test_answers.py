"""What a real kube-apiserver answers to a create that it refuses, and what it is taken for."""

import asyncio

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import load_kube_config

from jhub_gateway.clients.kube_requests import send
from jhub_gateway.models import Reason
from jhub_gateway.policy.answer_reasons import find_answer_reason
from jhub_gateway.policy.pod_security import (
    make_restricted_container_context,
    make_restricted_pod_context,
)
from tests.fixtures.cluster import Namespace

# The controller counts what a new quota has, and the API server hears of new rules by watches.
_SECONDS = 20


def make_pod(account: str = "default", **container: object) -> dict:
    """Return a pod of the restricted standard that asks for 48 MiB."""
    memory = {"memory": "48Mi"}
    notebook = {
        "name": "notebook",
        "image": "jhub-gateway/user:test",
        "resources": {"requests": memory, "limits": memory},
        "securityContext": make_restricted_container_context(None),
    }
    return {
        "metadata": {"name": "jupyter-ada"},
        "spec": {
            "containers": [notebook | container],
            "securityContext": make_restricted_pod_context({"runAsUser": 1000}),
            "serviceAccountName": account,
        },
    }


def make_rule(kind: str, **spec: object) -> dict:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "small"}, "spec": spec}


@pytest.fixture
async def client(namespace: Namespace):
    configuration = Configuration()
    await load_kube_config(str(namespace.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        yield client


@pytest.fixture
def ask(client: ApiClient, namespace: Namespace):
    """Ask for a pod, without making one; return what the answer means, or None if it is yes."""

    async def ask(pod: dict, space: str = namespace.name) -> Reason | None:
        path = f"/api/v1/namespaces/{space}/pods"
        answer = await send(client, "POST", path, seconds=10, body=pod, query=[("dryRun", "All")])
        return None if answer.is_fine else find_answer_reason(answer.status, answer.body)

    return ask


@pytest.fixture
def ask_until(ask):
    """Ask until the answer means ``code``; return its reason."""

    async def ask_until(code: str, pod: dict) -> Reason:
        reason = None
        for _ in range(_SECONDS * 4):
            reason = await ask(pod)
            if reason is not None and reason.code == code:
                return reason
            await asyncio.sleep(0.25)
        raise AssertionError(f"{reason} and not {code} after {_SECONDS} s")

    return ask_until


@pytest.mark.parametrize(
    ("most", "words"), [("64Mi", "or try again"), ("32Mi", "larger than the cluster allows")]
)
async def test_a_quota(ask_until, namespace, most, words):
    quota = make_rule("ResourceQuota", hard={"limits.memory": most})
    namespace.kubectl("create", "-f", "-", manifest=quota)
    if most == "64Mi":
        other = make_pod() | {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other"}}
        namespace.kubectl("create", "-f", "-", manifest=other)
    reason = await ask_until("quota", make_pod())
    assert reason.is_final
    assert words in reason.sentence
    assert "exceeded quota: small" in reason.cause


async def test_a_quota_that_asks_for_a_limit_of_each_pod(ask_until, namespace):
    quota = make_rule("ResourceQuota", hard={"limits.cpu": "1"})
    namespace.kubectl("create", "-f", "-", manifest=quota)
    assert "limits.cpu" in (await ask_until("misconfigured", make_pod())).cause


async def test_a_limit_range(ask_until, namespace):
    limits = [{"type": "Pod", "max": {"memory": "16Mi"}}]
    namespace.kubectl("create", "-f", "-", manifest=make_rule("LimitRange", limits=limits))
    reason = await ask_until("admission-refused", make_pod())
    assert "Choose a smaller size" in reason.sentence


WRONG_PODS = {
    "forbidden-by-policy": [make_pod(securityContext={"privileged": True})],
    "misconfigured": [
        make_pod(volumeMounts=[{"name": "none", "mountPath": "/home"}]),
        make_pod(image=""),
        make_pod(resources={"limits": {"memory": "much"}}),
        make_pod(env="a text"),
        make_pod(account="none"),
    ],
}


async def test_pods_that_are_wrong_themselves(ask):
    assert await ask(make_pod()) is None
    for code, pods in WRONG_PODS.items():
        for pod in pods:
            reason = await ask(pod)
            assert (reason.code, reason.is_final) == (code, True), reason
    assert (await ask(make_pod(), "no-such-namespace")).code == "misconfigured"


async def test_a_hub_that_may_not(client, ask):
    client.set_default_header("Impersonate-User", "system:serviceaccount:hub:hub")
    assert (await ask(make_pod())).code == "forbidden"
    del client.default_headers["Impersonate-User"]
    # Without its certificate the API server doesn't know it.
    client.configuration.cert_file = client.configuration.key_file = None
    async with ApiClient(client.configuration) as stranger:
        stranger.set_default_header("Authorization", "Bearer none")
        answer = await send(stranger, "POST", "/api/v1/namespaces/a/pods", seconds=10, body={})
    reason = find_answer_reason(answer.status, answer.body)
    assert (answer.status, reason.code, reason.is_final) == (401, "forbidden", True)


async def test_a_namespace_that_is_being_removed(ask_until, namespace):
    # Its finaliser holds it until this test is over.
    hold = {"metadata": {"name": "hold", "finalizers": ["jhub-gateway.example/hold"]}}
    holder = {"apiVersion": "v1", "kind": "ConfigMap", **hold}
    namespace.kubectl("create", "-f", "-", manifest=holder)
    namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")
    try:
        reason = await ask_until("admission-refused", make_pod())
        assert "being removed" in reason.sentence
    finally:
        release = '{"metadata": {"finalizers": null}}'
        namespace.kubectl("patch", "configmap", "hold", "--type=merge", "-p", release)


async def test_an_admission_policy(ask_until, namespace):
    name = namespace.name
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            },
            "validations": [{"expression": "false", "message": "no servers on Sundays"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    try:
        for manifest in (policy, binding):
            namespace.kubectl("create", "-f", "-", manifest=manifest)
        reason = await ask_until("admission-refused", make_pod())
        assert "no servers on Sundays" in reason.cause
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            namespace.kubectl("delete", kind, name, "--ignore-not-found")


async def test_an_api_server_that_is_away():
    configuration = Configuration(host="http://127.0.0.1:1")
    async with ApiClient(configuration) as client:
        answer = await send(client, "POST", "/api/v1/namespaces/users/pods", seconds=2, body={})
    reason = find_answer_reason(answer.status, answer.body)
    assert (reason.code, reason.is_final) == ("api-unavailable", False)

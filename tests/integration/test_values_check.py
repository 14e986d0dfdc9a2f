"""`jhub-gateway check -f` with a kubeconfig: what a real API server shows of a release."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jhub_gateway.checks.report import Report
from jhub_gateway.checks.values_check import Question, check_values
from jhub_gateway.policy.setting_paths import format_path
from tests.cluster.storage import make_shared_claim_manifests
from tests.fixtures.cluster import CLAIM, Namespace
from tests.fixtures.hub_account import make_hub_account
from tests.fixtures.thread_server import QuietHandler, ThreadServer

GOOD = (Path(__file__).parents[1] / "unit" / "good_values.yaml").read_text()
SPAWNER = "hub.config.GatewaySpawner"
LABEL = "jhub-gateway-test"
SECONDS = 10


class Provider(QuietHandler):
    """Publishes the issuer /realm, at each address."""

    def do_GET(self) -> None:
        url = f"{self.server.url}/realm"
        endpoints = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        document = {"issuer": url, **{name: f"{url}/{name}" for name in endpoints}}
        self.answer(200, json.dumps(document).encode())


@pytest.fixture
def provider() -> Iterator[ThreadServer]:
    server = ThreadServer(Provider, "127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def nodes(namespace: Namespace) -> Iterator[None]:
    """Two nodes with a label of this test's; their taint keeps all pods away."""
    names = [f"{namespace.name}-{number}" for number in (1, 2)]
    for name, memory in zip(names, ("8Gi", "16Gi"), strict=True):
        manifest = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {LABEL: namespace.name}},
            "spec": {"taints": [{"key": LABEL, "value": "true", "effect": "NoSchedule"}]},
            "status": {"allocatable": {"memory": memory, "cpu": "4", "pods": "110"}},
        }
        namespace.kubectl("create", "-f", "-", manifest=manifest)
    yield
    namespace.kubectl("delete", "node", *names, "--wait=false")


@pytest.fixture
def check(namespace: Namespace, nodes: None, provider: ThreadServer, tmp_path: Path):
    """Return a function that checks good values of this namespace's, with changes in them."""
    own = {
        "gateway-homes": CLAIM,
        "https://login.gateway.org/realms/gateway": f"{provider.url}/realm",
        "node_selector: {disk: fast}": f"node_selector: {{{LABEL}: {namespace.name}}}",
        "  uid: 1000": f"  uid: 1000\n  extraTolerations: [{{key: {LABEL}, operator: Exists}}]",
    }

    def check(
        changes: dict[str, str],
        kubeconfig: Path = namespace.kubeconfig,
        release: str = namespace.name,
    ) -> Report:
        text = GOOD
        for old, new in {**own, **changes}.items():
            assert old in text, old
            text = text.replace(old, new)
        file = tmp_path / "values.yaml"
        file.write_text(text)
        return check_values(Question((file,), kubeconfig=kubeconfig, namespace=release))

    return check


def list_paths(report: Report) -> list[str]:
    return [format_path(problem.path) for problem in report]


def wait_for(check: Callable[..., Report], sentence: str) -> Report:
    """Return the first check that says so: the API server hears of its roles a little later."""
    deadline = time.monotonic() + SECONDS
    while sentence not in "\n".join(map(str, report := check({}))):
        assert time.monotonic() < deadline, [*map(str, report)]
        time.sleep(0.1)
    return report


def test_rights_that_the_hub_lacks_are_named_verb_by_verb(namespace, check, tmp_path):
    report = check({})
    assert list(report) == []
    (first, second) = report.not_checked
    assert first == f"the hub that runs: there is none in namespace {namespace.name!r}"
    assert second.startswith("the hub's rights: there is no ServiceAccount 'hub'")

    as_hub = make_hub_account(namespace, "hub", "jupyterhub", tmp_path / "hub.kubeconfig")
    assert list(check({})) == []
    # Who names an autoscaler wants the page to tell of it.
    claim = "      shared_claim_name:"
    (problem,) = check({claim: f"      autoscaled_nodes: [{{labels: {{}}}}]\n{claim}"})
    assert problem.is_warning
    assert "may not list, watch nodes and list, watch pods in the whole" in problem.sentence

    namespace.kubectl("delete", "rolebinding", "hub-gateway-credentials")
    (problem,) = wait_for(check, "may not patch secrets")
    assert "credentials-rbac.yaml there" in problem.sentence
    namespace.kubectl("delete", "rolebinding", "hub")
    sentences = [problem.sentence for problem in wait_for(check, "may not list, delete pods")]
    assert any("may not create, get, list, patch, delete secrets" in one for one in sentences)
    namespace.kubectl("delete", "rolebinding", "hub-gateway-reconciler")
    report = wait_for(check, "The hub may not create, get, update the Lease")
    # Secrets, pods to end and to start, events; and the Lease.
    assert [problem.is_warning for problem in report] == [*[False] * 4, True]

    # The hub's own account may see nothing of all this.
    report = check({}, kubeconfig=as_hub)
    assert list(report) == []
    assert [what.partition(":")[0] for what in report.not_checked] == [
        "the hub that runs",
        "the storage class of the hub's database",
        "claims",
        "whether profiles fit a node",
        "the hub's rights",
    ]
    assert all("403 Forbidden" in what for what in report.not_checked)


def test_the_hub_may_have_its_rights_in_another_namespace(namespace, check):
    """Of pods that have a namespace of their own: the account stays in the release's."""
    names = [f"{namespace.name}-hub", f"{namespace.name}-other"]
    for name in names:
        namespace.kubectl("create", "namespace", name)
    try:
        for name in names:
            namespace.kubectl("create", "serviceaccount", "hub", f"--namespace={name}")
        give = ["create", "rolebinding", "hub", "--clusterrole=admin"]
        namespace.kubectl(*give, f"--serviceaccount={names[0]}:hub")
        changes = {
            "http_timeout: 60": f"http_timeout: 60\n      namespace: {namespace.name}",
        }
        deadline = time.monotonic() + SECONDS
        while list(report := check(changes, release=names[0])):
            assert time.monotonic() < deadline, [*map(str, report)]
            time.sleep(0.1)
        assert any("may not" in str(one) for one in check(changes, release=names[1]))
    finally:
        namespace.kubectl("delete", "namespace", *names, "--wait=false")


def test_profiles_and_claims_are_compared_with_the_cluster(namespace, check):
    for path, key, changes in [
        (
            f"{SPAWNER}.memory_profiles[1].memory_guarantee",
            "16 GB",
            {"e: 8G": "e: 17G", "16G": "20G"},
        ),
        (f"{SPAWNER}.memory_profiles[1].memory", "for all of its limit", {"16G": "20G"}),
        (
            f"{SPAWNER}.memory_profiles[1].node_selector",
            "has the label",
            {f"r: {{{LABEL}": "r: {no"},
        ),
        (f"{SPAWNER}.memory_profiles[1]", "taints", {f"key: {LABEL}": "key: other"}),
        (f"{SPAWNER}.shared_claim_name", "there is no such claim", {CLAIM: "no-such-claim"}),
    ]:
        (problem,) = check(changes)
        assert format_path(problem.path) == path
        assert key in problem.sentence

    volume, claim = make_shared_claim_manifests("other", namespace.name, namespace.share)
    for manifest in (volume, claim):
        manifest["spec"]["accessModes"] = ["ReadWriteOnce"]
    namespace.kubectl("create", "-f", "-", manifest=claim)
    (problem,) = check({CLAIM: "other"})
    assert "that claim is Pending, not Bound" in problem.sentence
    namespace.kubectl("create", "-f", "-", manifest=volume)
    bound = "--for=jsonpath={.status.phase}=Bound"
    namespace.kubectl("wait", "pvc/other", bound, "--timeout=60s")
    (problem,) = check({CLAIM: "other"})
    assert "that claim is ReadWriteOnce." in problem.sentence


def test_what_runs_and_what_is_around_it_is_looked_at(namespace, check, provider):
    labels = {"app": "hub"}
    container = {"name": "hub", "image": "registry.invalid/hub:1"}
    hub = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hub", "labels": {"helm.sh/chart": "jupyterhub-3.3.8"}},
        "spec": {
            "replicas": 2,
            "paused": True,  # no pod is made
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": namespace.name},
        "provisioner": "nfs.csi.k8s.io",
    }
    namespace.kubectl("create", "-f", "-", manifest=hub)
    namespace.kubectl("create", "-f", "-", manifest=storage_class)
    try:
        report = check({"Name: block": f"Name: {namespace.name}", "/realm": "/other"})
    finally:
        namespace.kubectl("delete", "storageclass", namespace.name)
    assert list_paths(report) == [
        "",
        "hub.db.type",
        "hub.db.pvc.storageClassName",
        "hub.config.KeycloakGatewayAuthenticator.issuer",
    ]
    chart, hubs, database, issuer = (problem.sentence for problem in report)
    assert chart.startswith("the chart's version is 3.3.8, and this release was tried with 4.4.0")
    assert hubs.startswith("there are 2 hubs, and SQLite is for one")
    assert database.startswith(f"SQLite on {namespace.name!r}, which is NFS")
    assert f"calls itself '{provider.url}/realm'" in issuer

    provider.stop()
    report = check({})
    assert list_paths(report)[2:] == ["hub.config.KeycloakGatewayAuthenticator.issuer"]
    assert "cannot be reached" in list(report)[2].sentence

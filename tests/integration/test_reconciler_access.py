"""The hub's rights on Leases and pods, by the manifest that operators apply."""

import logging
import re
import time
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
import yaml
from jupyterhub import orm
from kubernetes_asyncio.client import ApiClient

from jhub_gateway.access_checks import LEASE_VERBS, POD_VERBS, check_reconciler_access
from jhub_gateway.clients.kube import KubeUnavailable, Resource, check_access
from jhub_gateway.clients.leases import Lease, LeaseUnavailable
from jhub_gateway.clients.pod_lists import list_pod_metadata
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.reconciler import Reconciler
from tests.fixtures.cluster import BESIDE_CHART, Namespace
from tests.integration.test_secret_access import apply, make_spawner

MANIFEST = (BESIDE_CHART / "reconciler-rbac.yaml").read_text()
ALONE = re.sub(r"^(  )# (- apiGroups|  )", r"\1\2", MANIFEST, flags=re.MULTILINE)
NAME = "jhub-gateway-jupyterhub"
LEASES = Resource("leases", "coordination.k8s.io", NAME)


def make_named_spawner(namespace: Namespace):
    spawner = make_spawner(namespace)
    spawner.hub_name = "jupyterhub"
    return spawner


def make_role(*left_out: tuple[str, str]) -> str:
    """The manifest with all of its lines but these verbs of resources."""
    role, binding = yaml.safe_load_all(ALONE)
    for rule in role["rules"]:
        (resource,) = rule["resources"]
        rule["verbs"] = [verb for verb in rule["verbs"] if (resource, verb) not in left_out]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return yaml.safe_dump_all([role, binding])


def wait_for_rights(namespace: Namespace, leases: Iterable[str], pods: Iterable[str]) -> None:
    """Until the API server has heard of its new roles."""
    deadline = time.monotonic() + 10
    while set(check_access(namespace.name, LEASE_VERBS, LEASES)) != set(LEASE_VERBS) - set(
        leases
    ) or set(check_access(namespace.name, POD_VERBS, Resource("pods"))) != set(POD_VERBS) - set(
        pods
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_the_manifest_with_all_its_lines_is_enough_alone(namespace, as_hub, caplog):
    apply(namespace, ALONE)
    wait_for_rights(namespace, LEASE_VERBS, POD_VERBS)
    check_reconciler_access(make_named_spawner(namespace))
    assert not caplog.records
    async with ApiClient(as_hub) as client:
        lease = Lease(client, namespace.name, NAME, "one", 30)
        assert await lease.hold()
        assert await lease.hold()
        await lease.release()
        assert await list_pod_metadata(client, namespace.name, "jhub-gateway/hub=jupyterhub") == []


async def test_another_lease_is_not_open_to_the_hub(namespace, as_hub):
    apply(namespace, MANIFEST)
    wait_for_rights(namespace, LEASE_VERBS, ())
    async with ApiClient(as_hub) as client:
        with pytest.raises(LeaseUnavailable, match="403"):
            await Lease(client, namespace.name, "another", "one", 30).hold()


@pytest.mark.parametrize("verb", LEASE_VERBS)
async def test_each_verb_on_leases_is_needed_and_named(namespace, as_hub, caplog, verb):
    apply(namespace, make_role(("leases", verb)))
    wait_for_rights(namespace, set(LEASE_VERBS) - {verb}, POD_VERBS)
    check_reconciler_access(make_named_spawner(namespace))
    assert f"may not {verb} the Lease {NAME!r}" in caplog.text
    async with ApiClient(as_hub) as client:
        lease = Lease(client, namespace.name, NAME, "one", 30)
        if verb == "update":
            assert await lease.hold()
        with pytest.raises(LeaseUnavailable, match="403"):
            await lease.hold()


@pytest.mark.parametrize("verb", POD_VERBS)
async def test_a_hub_that_can_not_end_pods_does_not_start(namespace, as_hub, verb):
    apply(namespace, make_role(("pods", verb)))
    wait_for_rights(namespace, LEASE_VERBS, set(POD_VERBS) - {verb})
    with pytest.raises(ConfigurationError, match=f"may not {verb} pods in the namespace"):
        check_reconciler_access(make_named_spawner(namespace))


async def test_pods_that_are_not_shown_are_no_empty_list(namespace, as_hub):
    async with ApiClient(as_hub) as client:
        with pytest.raises(KubeUnavailable, match="403"):
            await list_pod_metadata(client, namespace.name, "jhub-gateway/hub=jupyterhub")


def make_reconciler(namespace: Namespace, clock: list[float], caplog) -> Reconciler:
    """One of a hub whose database has no server."""
    # The database's set-up would take the handler from a logger of the usual kind.
    log = logging.Logger("hub")
    log.addHandler(caplog.handler)
    spawner = SimpleNamespace(
        namespace=namespace.name,
        hub_name="jupyterhub",
        database_id="d1",
        reconcile_interval=60,
        reap_after=300,
        longest_start=600,
        delete_grace_period=0,
        log=log,
    )
    app = SimpleNamespace(users={}, db=orm.new_session_factory("sqlite:///:memory:")())
    return Reconciler(app, spawner, lambda: clock[0])


def make_pod(namespace: Namespace, name: str) -> None:
    labels = {"jhub-gateway/hub": "jupyterhub", "jhub-gateway/database": "d1"}
    context = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "notebook", "image": "none", "securityContext": context}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"schedulerName": "nobody", "containers": [container]},
    }
    namespace.kubectl("create", "-f", "-", manifest=pod)


async def test_two_hubs_without_a_lease_reap_each_orphan_once(namespace, as_hub, caplog):
    apply(namespace, make_role(*(("leases", verb) for verb in LEASE_VERBS)))
    wait_for_rights(namespace, (), POD_VERBS)
    # As Kubernetes has it in each namespace, before pods can be made.
    namespace.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    for number in range(3):
        make_pod(namespace, f"orphan-{number}")
    clock = [0.0]
    hubs = [make_reconciler(namespace, clock, caplog) for _ in "12"]
    for clock[0] in (0, 299, 300, 301):
        for hub in hubs:
            await hub.reconcile()
    for hub in hubs:
        await hub._client.close()
    assert namespace.get("pods")["items"] == []
    deleted = re.findall(r"Deleted the pod (orphan-\d)", caplog.text)
    assert sorted(deleted) == ["orphan-0", "orphan-1", "orphan-2"]
    # Each of the two hubs says it once.
    assert caplog.text.count("This hub has no Lease, and reconciles without: 403") == 2


async def test_a_hub_that_is_not_elected_reaps_nothing(namespace, as_hub, caplog):
    apply(namespace, ALONE)
    wait_for_rights(namespace, LEASE_VERBS, POD_VERBS)
    namespace.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    make_pod(namespace, "orphan")
    first_clock, clock = [0.0], [0.0]
    first = make_reconciler(namespace, first_clock, caplog)
    second = make_reconciler(namespace, clock, caplog)
    await first.reconcile()
    for clock[0] in (0, 100, 179):
        await second.reconcile()
    assert len(namespace.get("pods")["items"]) == 1
    # The first one's Lease ends; the grace begins when the second one is elected.
    for clock[0] in (180, 290, 400, 479):
        await second.reconcile()
    assert len(namespace.get("pods")["items"]) == 1
    clock[0] = 480
    await second.reconcile()
    assert namespace.get("pods")["items"] == []
    for hub in (first, second):
        await hub._client.close()

"""What the cluster has to say: claims, nodes, rights, storage and what runs there now."""

from collections.abc import Callable, Iterator
from functools import partial

from jhub_gateway.access_checks import (
    find_access_problem,
    find_lease_problem,
    find_log_problem,
    find_pod_problem,
    find_start_problems,
)
from jhub_gateway.chart.database import SQLITE
from jhub_gateway.checks.chart_needs import make_nfs_problem
from jhub_gateway.checks.chart_version import find_version_problems
from jhub_gateway.checks.profiles import find_misfits
from jhub_gateway.checks.report import Problem, Report
from jhub_gateway.checks.site import Site
from jhub_gateway.claim_checks import find_claim_problems
from jhub_gateway.clients import kube_inspection as kube
from jhub_gateway.clients.kube import KubeUnavailable, count_nodes, read_claim
from jhub_gateway.cluster_capacity import find_capacity_problem
from jhub_gateway.spawner import GatewaySpawner


def check_cluster(report: Report, site: Site, namespace: str, chart_version: str) -> None:
    """Add what the cluster shows to the report, and what it does not show to this operator."""
    checks: dict[str, Callable[[], Iterator[Problem]]] = {
        "the hub that runs": partial(_find_hub, report, site, namespace, chart_version),
        "the storage class of the hub's database": partial(_find_database_class, site),
    }
    if isinstance(site.spawner, GatewaySpawner):
        checks |= {
            "claims": partial(_find_claims, site),
            "whether profiles fit a node": partial(_find_misfits, site),
            "the hub's rights": partial(_find_rights, report, site, namespace),
        }
    for what, check in checks.items():
        try:
            report.add(check())
        except KubeUnavailable as problem:
            report.not_checked.append(f"{what}: the Kubernetes API answered {problem}")


def _find_hub(report: Report, site: Site, namespace: str, chart_version: str) -> Iterator[Problem]:
    hub = kube.read_hub(namespace, site.chart.name("hub"))
    if hub is None:
        report.not_checked.append(f"the hub that runs: there is none in namespace {namespace!r}")
        return
    if hub.chart and not chart_version:
        yield from find_version_problems(hub.chart.removeprefix("jupyterhub-"))
    if hub.replicas > 1 and site.chart.get("hub.db.type") in SQLITE:
        yield Problem(
            ("hub", "db", "type"),
            f"there are {hub.replicas} hubs, and SQLite is for one: set hub.db.type to postgres",
        )


def _find_database_class(site: Site) -> Iterator[Problem]:
    if site.chart.get("hub.db.type") != "sqlite-pvc":
        return
    name = site.chart.get("hub.db.pvc.storageClassName") or ""
    provisioner = kube.list_storage_classes().get(name, "")
    if "nfs" in provisioner.lower():
        yield make_nfs_problem(name or f"the default class ({provisioner})")


def _find_claims(site: Site) -> Iterator[Problem]:
    found = find_claim_problems(site.spawner, read_claim, count_nodes)
    yield from site.make_problems(type(site.spawner), found)


def _find_misfits(site: Site) -> Iterator[Problem]:
    yield from find_misfits(site, kube.list_nodes())


def _find_rights(report: Report, site: Site, namespace: str) -> Iterator[Problem]:
    chart = site.chart
    is_made = chart.get("hub.serviceAccount.create", True)
    account = chart.get("hub.serviceAccount.name") or (chart.name("hub") if is_made else "default")
    if not kube.has_account(namespace, account):
        report.not_checked.append(
            f"the hub's rights: there is no ServiceAccount {account!r} in the namespace "
            f"{namespace!r} before the chart is installed"
        )
        return
    check = partial(kube.check_access_of, kube.Account(namespace, account))
    spawner = site.spawner
    if spawner.gives_credentials and (problem := find_access_problem(spawner.namespace, check)):
        yield Problem((), problem)
    if problem := find_pod_problem(spawner.namespace, check):
        yield Problem((), problem)
    for problem in find_start_problems(spawner.namespace, spawner.events_enabled, check):
        yield Problem((), problem)
    if spawner.needs_capacities and (problem := find_capacity_problem(check)):
        yield Problem(
            (), f"the profile page shows no room and no waits: {problem}", is_warning=True
        )
    for problem in (
        find_lease_problem(spawner.namespace, spawner.hub_name, check),
        find_log_problem(spawner.namespace, check),
    ):
        if problem:
            yield Problem((), problem, is_warning=True)

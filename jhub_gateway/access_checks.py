"""Rights that the hub lacks, found when it starts and not when it needs them."""

from collections.abc import Callable, Iterator
from typing import Any

from jhub_gateway.clients.kube import Resource, check_access, warning_if_unavailable
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.reconciliation import make_lease_name

# helm-values/manifests/beside-chart/credentials-rbac.yaml says what each is for.
SECRET_VERBS = ("create", "get", "list", "patch", "delete")
# helm-values/manifests/beside-chart/reconciler-rbac.yaml does.
LEASE_VERBS = ("create", "get", "update")
POD_VERBS = ("list", "delete")
# The chart's own Role does, or helm-values/manifests/without-helm/hub-rbac.yaml.
START_VERBS = ("create", "get", "watch")
EVENT_VERBS = ("list", "watch")
LOG_VERBS = ("get",)

CheckAccess = Callable[[str, tuple[str, ...], Resource], list[str]]


def check_secret_access(spawner: Any) -> None:
    """Raise ConfigurationError if this hub can't keep credentials in the pods' namespace.

    Where the API server does not answer, the log says what was not checked.
    """
    with warning_if_unavailable(spawner.log, "The hub's rights on secrets"):
        if problem := find_access_problem(spawner.namespace, check_access):
            raise ConfigurationError(problem)


def find_access_problem(namespace: str, check: CheckAccess) -> str | None:
    """Return a sentence that names what the hub may not do and what to apply, or None.

    ``check`` returns those of the verbs that are missing in a namespace for a resource.
    """
    missing = check(namespace, SECRET_VERBS, Resource("secrets"))
    if not missing:
        return None
    return (
        f"GatewaySpawner.credential_files needs a Secret per user, and the hub may not "
        f"{', '.join(missing)} secrets in the namespace {namespace!r}: apply "
        "helm-values/manifests/beside-chart/credentials-rbac.yaml there, with the verbs that are "
        "missing, or set it to false"
    )


def check_reconciler_access(spawner: Any) -> None:
    """Raise ConfigurationError if this hub can't end pods; log it if it can't use its Lease."""
    with warning_if_unavailable(spawner.log, "The hub's rights on pods and leases"):
        if problem := find_pod_problem(spawner.namespace, check_access):
            raise ConfigurationError(problem)
        if problem := find_lease_problem(spawner.namespace, spawner.hub_name, check_access):
            spawner.log.warning("%s", problem)


def find_pod_problem(namespace: str, check: CheckAccess) -> str | None:
    """Return a sentence on what the hub may not do with pods, or None. See find_access_problem."""
    missing = check(namespace, POD_VERBS, Resource("pods"))
    if not missing:
        return None
    return (
        f"the hub may not {', '.join(missing)} pods in the namespace {namespace!r}: apply "
        "helm-values/manifests/beside-chart/reconciler-rbac.yaml there, with the verbs that are "
        "missing"
    )


def check_start_access(spawner: Any) -> None:
    """Raise ConfigurationError if this hub can't start pods; log it if it can't read their logs."""
    with warning_if_unavailable(spawner.log, "The hub's rights to start pods"):
        for missing in find_start_problems(spawner.namespace, spawner.events_enabled, check_access):
            raise ConfigurationError(missing)
        if problem := find_log_problem(spawner.namespace, check_access):
            spawner.log.warning("%s", problem)


def find_start_problems(namespace: str, with_events: bool, check: CheckAccess) -> Iterator[str]:
    """Yield a sentence for each kind of object that a start needs and the hub may not use."""
    needed = {"pods": START_VERBS} | ({"events": EVENT_VERBS} if with_events else {})
    for plural, verbs in needed.items():
        if missing := check(namespace, verbs, Resource(plural)):
            yield (
                f"the hub may not {', '.join(missing)} {plural} in the namespace {namespace!r}: "
                "the chart gives it these rights with rbac.create, and "
                "helm-values/manifests/without-helm/hub-rbac.yaml without the chart"
            )


def find_log_problem(namespace: str, check: CheckAccess) -> str | None:
    """Return a sentence on what the hub may not do with pods' logs, or None."""
    if not check(namespace, LOG_VERBS, Resource("pods/log")):
        return None
    return (
        f"The hub may not get pods/log in the namespace {namespace!r}, and goes on without it: a "
        "server that crashes at its start is told without what it wrote last. Apply "
        "helm-values/manifests/beside-chart/server-logs-rbac.yaml there"
    )


def find_lease_problem(namespace: str, hub_name: str, check: CheckAccess) -> str | None:
    """Return a sentence on what the hub may not do with its Lease, or None."""
    name = make_lease_name(hub_name)
    missing = check(namespace, LEASE_VERBS, Resource("leases", "coordination.k8s.io", name))
    if not missing:
        return None
    return (
        f"The hub may not {', '.join(missing)} the Lease {name!r} in the namespace {namespace!r}, "
        "and goes on without it: a second hub would not know of it. Apply "
        "helm-values/manifests/beside-chart/reconciler-rbac.yaml there"
    )

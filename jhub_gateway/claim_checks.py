"""Claims that cannot work, found when the hub starts and not at each user's start."""

from collections.abc import Callable, Iterator
from typing import Any

from jhub_gateway.clients.kube import (
    Claim,
    KubeUnavailable,
    count_nodes,
    read_claim,
    warning_if_unavailable,
)
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.datasets import parse_datasets

_SHARED = frozenset({"ReadWriteMany"})
_READ = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_NEEDED = (
    "On a cluster of several nodes, pods on the others cannot mount it: make a claim with "
    "accessModes: [ReadWriteMany], as in helm-values/manifests/beside-chart/shared-claim.yaml"
)


def check_claims(spawner: Any) -> None:
    """Raise ConfigurationError for a claim of a configured GatewaySpawner that cannot be mounted.

    Where the API server does not answer, the log says what was not checked.
    """
    with warning_if_unavailable(spawner.log, "The claims"):
        for problem in find_claim_problems(spawner, read_claim, _count_nodes):
            raise ConfigurationError(problem)


def find_claim_problems(
    spawner: Any,
    read: Callable[[str, str], Claim | None],
    count: Callable[[], int | None],
) -> Iterator[str]:
    """Yield a sentence for each claim that cannot work; it names the setting and its value.

    ``read`` returns a claim of a namespace by its name; ``count`` the number of nodes, or None if
    the hub may not know it.
    """
    yield from _find_shares_in_datasets(spawner)
    for setting, name, modes in _list_claims(spawner):
        claim = read(spawner.namespace, name)
        where = f"{setting} is {name!r}"
        if claim is None:
            yield (
                f"{where}: there is no such claim in the namespace {spawner.namespace!r}. Apply "
                "helm-values/manifests/beside-chart/shared-claim.yaml there, or change the name"
            )
        elif claim.phase != "Bound":
            yield (
                f"{where}: that claim is {claim.phase}, not Bound, so no pod can mount it. See "
                f"kubectl describe pvc {name}; its storageClassName must name a class of the "
                "cluster's. A class that binds at the first use is bound by "
                "helm-values/manifests/beside-chart/storage-init.yaml"
            )
        elif claim.access_modes == {"ReadWriteOncePod"}:
            yield f"{where}: that claim is ReadWriteOncePod, for a single pod. {_NEEDED}"
        elif not claim.access_modes & modes:
            problem = f"{where}: that claim is {', '.join(sorted(claim.access_modes))}. {_NEEDED}"
            nodes = count()
            if nodes is None:
                spawner.log.warning(problem)
            elif nodes > 1:
                yield problem


def _find_shares_in_datasets(spawner: Any) -> Iterator[str]:
    for dataset in parse_datasets(spawner.datasets):
        if dataset.claim == spawner.shared_claim_name:
            yield (
                f"datasets: dataset {dataset.name!r}: claim is {dataset.claim!r}, which holds all "
                "users' homes: leave claim out for a directory of the share's datasets/"
            )


def _list_claims(spawner: Any) -> Iterator[tuple[str, str, frozenset[str]]]:
    yield "GatewaySpawner.shared_claim_name", spawner.shared_claim_name, _SHARED
    for dataset in parse_datasets(spawner.datasets):
        if dataset.claim:
            yield f"datasets: dataset {dataset.name!r}: claim", dataset.claim, _READ


def _count_nodes() -> int | None:
    try:
        return count_nodes()
    except KubeUnavailable:
        return None  # A hub's usual role does not reach to nodes.

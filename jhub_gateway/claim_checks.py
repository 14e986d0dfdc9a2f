"""Claims that cannot work, found when the hub starts and not at each user's start."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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


class _Needed(NamedTuple):
    """A claim that a setting names, and the access modes of which it needs one."""

    setting: str
    name: str
    modes: frozenset[str]
    path: tuple[str | int, ...]


def check_claims(spawner: Any) -> None:
    """Raise ConfigurationError for a claim of a configured GatewaySpawner that cannot be mounted.

    Where the API server does not answer, the log says what was not checked.
    """
    with warning_if_unavailable(spawner.log, "The claims"):
        for problem in find_claim_problems(spawner, read_claim, _count_nodes):
            raise problem


def find_claim_problems(
    spawner: Any,
    read: Callable[[str, str], Claim | None],
    count: Callable[[], int | None],
) -> Iterator[ConfigurationError]:
    """Yield each claim that cannot work; the sentence names the setting and its value.

    ``read`` returns a claim of a namespace by its name; ``count`` the number of nodes, or None if
    the hub may not know it.
    """
    yield from _find_shares_in_datasets(spawner)
    for claim in _list_claims(spawner):
        found = read(spawner.namespace, claim.name)
        where = f"{claim.setting} is {claim.name!r}"
        if problem := _find_fault(claim, found, spawner.namespace):
            yield ConfigurationError(f"{where}: {problem}", claim.path)
        elif found and not found.access_modes & claim.modes:
            modes = ", ".join(sorted(found.access_modes))
            sentence = f"{where}: that claim is {modes}. {_NEEDED}"
            nodes = count()
            if nodes is None:
                spawner.log.warning(sentence)
            elif nodes > 1:
                yield ConfigurationError(sentence, claim.path)


def _find_fault(claim: _Needed, found: Claim | None, namespace: str) -> str:
    """Return what is wrong with a claim however many nodes there are, or nothing."""
    if found is None:
        return (
            f"there is no such claim in the namespace {namespace!r}. Apply "
            "helm-values/manifests/beside-chart/shared-claim.yaml there, or change the name"
        )
    if found.phase != "Bound":
        return (
            f"that claim is {found.phase}, not Bound, so no pod can mount it. See "
            f"kubectl describe pvc {claim.name}; its storageClassName must name a class of the "
            "cluster's. A class that binds at the first use is bound by "
            "helm-values/manifests/beside-chart/storage-init.yaml"
        )
    if found.access_modes == {"ReadWriteOncePod"}:
        return f"that claim is ReadWriteOncePod, for a single pod. {_NEEDED}"
    return ""


def _find_shares_in_datasets(spawner: Any) -> Iterator[ConfigurationError]:
    for place, dataset in enumerate(parse_datasets(spawner.datasets)):
        if dataset.claim == spawner.shared_claim_name:
            yield ConfigurationError(
                f"datasets: dataset {dataset.name!r}: claim is {dataset.claim!r}, which holds all "
                "users' homes: leave claim out for a directory of the share's datasets/",
                ("datasets", place, "claim"),
            )


def _list_claims(spawner: Any) -> Iterator[_Needed]:
    setting = "shared_claim_name"
    yield _Needed(f"GatewaySpawner.{setting}", spawner.shared_claim_name, _SHARED, (setting,))
    for place, dataset in enumerate(parse_datasets(spawner.datasets)):
        if dataset.claim:
            setting = f"datasets: dataset {dataset.name!r}: claim"
            yield _Needed(setting, dataset.claim, _READ, ("datasets", place, "claim"))


def _count_nodes() -> int | None:
    try:
        return count_nodes()
    except KubeUnavailable:
        return None  # A hub's usual role does not reach to nodes.

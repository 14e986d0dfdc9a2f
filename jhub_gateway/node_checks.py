"""Profiles whose node labels no node has: a misspelt one is told when the hub starts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jhub_gateway.clients.kube import KubeUnavailable
from jhub_gateway.clients.kube_inspection import list_nodes
from jhub_gateway.models import Node
from jhub_gateway.policy.suggestions import suggest


def check_node_labels(spawner: Any, find_nodes: Callable[[], Sequence[Node]] = list_nodes) -> None:
    """Log each profile of a configured GatewaySpawner that names a label of no node.

    The hub starts all the same: an autoscaler may have taken away all nodes of a kind. Where the
    hub may not list nodes nothing is checked.
    """
    if not any(_get_selector(spawner, profile) for profile in spawner.profiles):
        return
    try:
        nodes = find_nodes()
    except KubeUnavailable as problem:
        spawner.log.info("Labels of nodes are not checked: the Kubernetes API answered %s", problem)
        return
    for sentence in find_unknown_labels(spawner, nodes):
        spawner.log.warning("%s", sentence)


def find_unknown_labels(spawner: Any, nodes: Sequence[Node]) -> Iterator[str]:
    """Yield a sentence for each label that a profile needs and no node has."""
    known = {f"{key}={value}" for node in nodes for key, value in node.labels.items()}
    for profile in spawner.profiles:
        for key, value in _get_selector(spawner, profile).items():
            label = f"{key}={value}"
            if label not in known:
                yield (
                    f"memory_profiles: profile {profile.slug!r}: node_selector: no node of the "
                    f"cluster has the label {label}{suggest(label, known)}. Its servers start only "
                    "once there is one"
                )


def _get_selector(spawner: Any, profile: Any) -> dict[str, str]:
    return {**spawner.node_selector, **(profile.node_selector or {})}

"""The nodes of a cluster that is there, less what its own pods take of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from pathlib import Path

from jhub_gateway.clients.kube import KubeUnavailable
from jhub_gateway.clients.kube_inspection import (
    PodRequests,
    list_nodes,
    list_pod_requests,
    using_kubeconfig,
)
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import Node
from jhub_gateway.planning.node_kinds import NodeKind
from jhub_gateway.planning.room import Room
from jhub_gateway.policy.node_fit import is_open
from jhub_gateway.policy.quantities import parse_quantity

# KubeSpawner's label, with the chart's names of servers and of what only keeps room for them.
_OF_USERS = frozenset({"singleuser-server", "user-placeholder"})
_STEP = 64 * 1024**2  # bytes: nodes of one kind differ by some KiB


def read_cluster(
    kubeconfig: Path | None, context: str | None
) -> tuple[tuple[NodeKind, ...], tuple[str, ...]]:
    """Return the nodes that are open to users' servers, and a note of those that are not.

    Raises ConfigurationError where the cluster does not answer, or not to this operator.
    """
    try:
        with using_kubeconfig(kubeconfig, context):
            nodes, pods = list_nodes(), list_pod_requests()
    except KubeUnavailable as problem:
        raise ConfigurationError(
            f"the Kubernetes API answered {problem}; the plan needs the right to list nodes and "
            "the pods of all namespaces, or the nodes by --nodes"
        ) from None
    closed = [node.name for node in nodes if not is_open(node)]
    notes = [f"left out, as their taints keep pods away: {', '.join(closed)}"] if closed else []
    kinds = group_nodes([node for node in nodes if is_open(node)], sum_system(pods))
    if not kinds:
        raise ConfigurationError("no node of the cluster has room for users; name some by --nodes")
    return kinds, tuple(notes)


def sum_system(pods: Iterable[PodRequests]) -> dict[str, Room]:
    """Return what pods that are no users' take of each node."""
    taken: dict[str, Room] = defaultdict(lambda: Room(0, 0, 0))
    for pod in pods:
        if pod.labels.get("component") not in _OF_USERS:
            both = zip(taken[pod.node], _sum_requests(pod), strict=True)
            taken[pod.node] = Room(*(before + more for before, more in both))
    return dict(taken)


def group_nodes(nodes: Sequence[Node], system: Mapping[str, Room]) -> tuple[NodeKind, ...]:
    """Return the kinds of nodes that have room for users; each is named by its first node."""
    names: dict[tuple[Room, Room], str] = {}
    counts: Counter[tuple[Room, Room]] = Counter()
    for node in nodes:
        taken = system.get(node.name, Room(0, 0, 0))
        # Rounded so that no node has less than the plan counts with.
        size = Room(
            _read(node.allocatable, "memory") // _STEP * _STEP,
            floor(_read(node.allocatable, "cpu", 1000)),
            _read(node.allocatable, "pods"),
        )
        kind = size, taken._replace(memory=ceil(taken.memory / _STEP) * _STEP)
        if all(size.less(kind[1])):
            names.setdefault(kind, node.name)
            counts[kind] += 1
    return tuple(NodeKind(names[kind], count, *kind) for kind, count in counts.items())


def _sum_requests(pod: PodRequests) -> Room:
    """Return what a pod reserves: all containers at once, or one init container before them."""
    return Room(_sum_amount(pod, "memory"), _sum_amount(pod, "cpu", 1000))


def _sum_amount(pod: PodRequests, name: str, unit: int = 1) -> int:
    together = sum(_read(one, name, unit) for one in pod.containers)
    return max([together, *(_read(one, name, unit) for one in pod.init_containers)])


def _read(amounts: Mapping[str, str], name: str, unit: int = 1) -> int:
    return ceil(parse_quantity(amounts.get(name, "0")) * unit)

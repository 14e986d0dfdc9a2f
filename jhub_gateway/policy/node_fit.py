"""Whether a pod could ever run on one of the cluster's nodes, if that had no other pods."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jhub_gateway.models import Node
from jhub_gateway.policy.entry_values import read_number
from jhub_gateway.policy.quantities import format_memory, parse_memory

# Nodes get and lose these by themselves: not ready, or closed for the moment.
_PASSING = "node.kubernetes.io/"
_CLOSED = frozenset({"NoSchedule", "NoExecute"})

# https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#operators
_OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: value is not None and int(value) > int(values[0]),
    "Lt": lambda value, values: value is not None and int(value) < int(values[0]),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a pod asks the scheduler for. ``memory`` is in bytes, ``cpu`` in cores.

    ``affinity`` are the terms of which one must hold, ``resources`` others such as GPUs.
    """

    memory: int = 0
    cpu: float = 0
    selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Sequence[Mapping[str, Any]] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)


def find_misfit(needs: Needs, nodes: Iterable[Node]) -> tuple[str, str] | None:
    """Return which of the needs no node meets, and a sentence; None where one meets all."""
    nodes = list(nodes)
    if not nodes:
        return "node_selector", "the cluster has no nodes"
    return (
        _find_labels(needs, nodes)
        or _find_taints(needs, [node for node in nodes if is_chosen(needs, node)])
        or _find_amounts(needs, [node for node in nodes if may_run(needs, node)])
    )


def is_open(node: Node) -> bool:
    """Whether the node takes pods that tolerate nothing; one that is closed for a while does."""
    return _is_tolerant(Needs(), node)


def _find_labels(needs: Needs, nodes: list[Node]) -> tuple[str, str] | None:
    selected = [node for node in nodes if needs.selector.items() <= node.labels.items()]
    if not selected:
        unknown = [
            f"{key}={value}"
            for key, value in needs.selector.items()
            if all(node.labels.get(key) != value for node in nodes)
        ]
        labels = f"the label {unknown[0]}" if unknown else "all labels of its node_selector"
        return "node_selector", f"no node of the cluster has {labels}"
    if not any(is_chosen(needs, node) for node in selected):
        return "affinity", "no node meets the node affinity that all servers have"
    return None


def _find_taints(needs: Needs, nodes: list[Node]) -> tuple[str, str] | None:
    if any(_is_tolerant(needs, node) for node in nodes):
        return None
    taint = next(taint for taint in nodes[0].taints if not _is_tolerated(taint, needs.tolerations))
    text = f"{taint['key']}={taint['value']}:{taint['effect']}"
    return "tolerations", f"it tolerates the taints of no node with its labels, such as {text}"


def _find_amounts(needs: Needs, nodes: list[Node]) -> tuple[str, str] | None:
    largest = max(_get_memory(node) for node in nodes)
    if needs.memory > largest:
        return "memory", (
            f"it needs {format_memory(needs.memory)}, and the largest node that it may run on has "
            f"{format_memory(largest)} for pods"
        )
    for name, amount in {"cpu": needs.cpu, **needs.resources}.items():
        most = max(_read_amount(node.allocatable.get(name)) for node in nodes)
        if _read_amount(amount) > most:
            sentence = f"it needs {amount} of {name}, and no node that it may run on has more than"
            return name, f"{sentence} {most:g}"
    if not any(_has_room(needs, node) for node in nodes):
        return "memory", "no node that it may run on has the memory and the rest together"
    return None


def is_chosen(needs: Needs, node: Node) -> bool:
    """Whether the node has the labels that the pod wants."""
    terms = [term.get("matchExpressions") or [] for term in needs.affinity]
    return needs.selector.items() <= node.labels.items() and (
        not terms or any(all(_meets(node, one) for one in term) for term in terms)
    )


def _meets(node: Node, expression: Mapping[str, Any]) -> bool:
    meets = _OPERATORS.get(expression.get("operator", ""))
    values = [str(value) for value in expression.get("values") or []]
    return meets is not None and meets(node.labels.get(expression.get("key", "")), values)


def may_run(needs: Needs, node: Node) -> bool:
    """Whether the node's labels and its lasting taints let the pod on it, whatever its size."""
    return is_chosen(needs, node) and _is_tolerant(needs, node)


def _is_tolerant(needs: Needs, node: Node) -> bool:
    return all(_is_tolerated(taint, needs.tolerations) for taint in node.taints)


def is_closed_now(needs: Needs, node: Node) -> bool:
    """Whether a taint keeps the pod away for the moment, such as that of a node that is lost."""
    passing = (taint for taint in node.taints if taint["key"].startswith(_PASSING))
    return any(
        taint["effect"] in _CLOSED and not _is_borne(taint, needs.tolerations) for taint in passing
    )


def _is_tolerated(taint: Mapping[str, str], tolerations: Iterable[Mapping[str, Any]]) -> bool:
    if taint["effect"] not in _CLOSED or taint["key"].startswith(_PASSING):
        return True
    return _is_borne(taint, tolerations)


def _is_borne(taint: Mapping[str, str], tolerations: Iterable[Mapping[str, Any]]) -> bool:
    return any(_tolerates(toleration, taint) for toleration in tolerations)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return (toleration.get("key"), toleration.get("value") or "") == (taint["key"], taint["value"])


def _has_room(needs: Needs, node: Node) -> bool:
    amounts = {"cpu": needs.cpu, **needs.resources}
    return _get_memory(node) >= needs.memory and all(
        _read_amount(node.allocatable.get(name)) >= _read_amount(amount)
        for name, amount in amounts.items()
    )


def _get_memory(node: Node) -> int:
    try:
        return parse_memory(node.allocatable.get("memory"))
    except ValueError:
        return 0


def _read_amount(value: object) -> float:
    try:
        return read_number(value)
    except ValueError:
        return 0

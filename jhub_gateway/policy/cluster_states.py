"""What is kept of a cluster's nodes and pods to know how many servers fit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jhub_gateway.models import Node
from jhub_gateway.policy.kube_objects import (
    Object,
    read_condition,
    read_number,
    read_object,
    read_objects,
    read_text,
)
from jhub_gateway.policy.node_fit import Needs
from jhub_gateway.policy.pod_requests import Amounts, read_amounts, sum_requests

# Pods that are on a node whoever else is: of a DaemonSet, and the kubelet's own.
_FIXED_OWNERS = frozenset({"DaemonSet", "Node"})


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node, what all its pods may take together, and whether it takes new ones now."""

    node: Node
    room: Amounts
    is_up: bool


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pod that has no node yet asks for: where it may run, and how much it reserves."""

    place: Needs
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class PodLoad:
    """What a pod takes.

    ``node`` is empty while it waits for one, and then ``demand`` says what it asks for and
    ``kind`` is the same for all that ask for the same. ``gives_way``: Kubernetes ends it where a
    server needs its room. ``is_fixed``: it belongs to the node.
    """

    node: str
    amounts: Amounts
    gives_way: bool = False
    is_fixed: bool = False
    kind: str = ""
    demand: Demand | None = field(default=None, compare=False)


def read_node_state(node: Object) -> NodeState:
    """Return what is kept of a Node as the API tells it."""
    allocatable = read_object(node, "status", "allocatable")
    taints = [
        {key: read_text(taint, key) for key in ("key", "value", "effect")}
        for taint in read_objects(node, "spec", "taints")
    ]
    is_closed = read_object(node, "spec").get("unschedulable") is True
    return NodeState(
        Node(
            name=read_text(node, "metadata", "name"),
            labels=dict(read_object(node, "metadata", "labels")),
            taints=tuple(taints),
            allocatable=dict(allocatable),
        ),
        read_amounts(allocatable),
        is_up=not is_closed and read_condition(node, "Ready").get("status") == "True",
    )


def read_pod_load(pod: Object) -> PodLoad:
    """Return what is kept of a Pod as the API tells it, of one that has not ended."""
    spec = read_object(pod, "spec")
    node, amounts = read_text(spec, "nodeName"), sum_requests(spec)
    owners = {read_text(one, "kind") for one in read_objects(pod, "metadata", "ownerReferences")}
    load = PodLoad(
        node=node,
        amounts=amounts,
        # KubeSpawner's pods have the priority 0 unless a class of their own gives them more.
        gives_way=read_number(spec, "priority") < 0,
        is_fixed=not owners.isdisjoint(_FIXED_OWNERS),
    )
    return load if node else _make_waiting(load, spec)


def _make_waiting(load: PodLoad, spec: Object) -> PodLoad:
    if load.gives_way or load.is_fixed or read_objects(spec, "schedulingGates"):
        return load  # It takes nobody's place.
    place = _read_place(spec)
    kind = json.dumps(
        [place.selector, place.tolerations, place.affinity, load.amounts], sort_keys=True
    )
    return PodLoad("", load.amounts, kind=kind, demand=Demand(place, load.amounts))


def _read_place(spec: Object) -> Needs:
    wanted = read_object(
        spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"
    )
    affinity: list[Mapping[str, Any]] = [*read_objects(wanted, "nodeSelectorTerms")]
    return Needs(
        selector=dict(read_object(spec, "nodeSelector")),
        tolerations=tuple(_leave_out_defaults(read_objects(spec, "tolerations"))),
        affinity=affinity,
    )


def _leave_out_defaults(tolerations: list[Object]) -> list[Mapping[str, Any]]:
    """Return those that let the pod onto a node; each pod bears a node's loss for some minutes."""
    return [dict(one) for one in tolerations if "tolerationSeconds" not in one]

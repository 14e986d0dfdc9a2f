"""Why a whole pod ends, whatever its containers did: its machine, or somebody, ended it."""

from collections.abc import Sequence

from jhub_gateway.models import Reason
from jhub_gateway.policy.kube_objects import (
    Object,
    read_condition,
    read_object,
    read_objects,
    read_text,
)
from jhub_gateway.policy.reason_codes import make_reason

_START_AGAIN = "Start it again; what is saved in your home is kept."
_NODE_LOST = f"The machine of your server was lost or shut down. {_START_AGAIN}"
_MADE_ROOM = f"Your server was ended to make room for more urgent work. {_START_AGAIN}"
_EMPTIED = f"Your server was ended because its machine is being emptied. {_START_AGAIN}"
_SHORT = f"Your server was ended because its machine ran short of what it needs. {_START_AGAIN}"
_SHORT_OF_MEMORY = (
    "Your server was ended because its machine ran short of memory. Start it again, and choose a "
    "larger size if you need much memory."
)
_SHORT_OF_DISK = (
    "Your server was ended because temporary files took too much of its machine's disk. Start it "
    "again, and keep large files in your home."
)
_DELETED = f"Your server was removed from the cluster. {_START_AGAIN}"
_TOO_OLD = f"Your server reached the longest time that it may run. {_START_AGAIN}"
_REJECTED = "The machine chosen for your server could not take it. Start your server again."
_NO_MEMORY = (
    "The machine chosen for your server had too little memory left. Start your server again, or "
    "choose a smaller size."
)
_NO_CPU = "The machine chosen for your server had too few cores left. Start your server again."

# The pod's status.reason, or a reason of its condition DisruptionTarget.
_SENTENCES = {
    "NodeLost": ("node-lost", _NODE_LOST),
    "NodeShutdown": ("node-lost", _NODE_LOST),
    "Shutdown": ("node-lost", _NODE_LOST),
    "Terminated": ("node-lost", _NODE_LOST),
    "DeletionByPodGC": ("node-lost", _NODE_LOST),
    "DeletionByTaintManager": ("node-lost", _NODE_LOST),
    "Preempting": ("evicted", _MADE_ROOM),
    "PreemptionByScheduler": ("evicted", _MADE_ROOM),
    "EvictionByEvictionAPI": ("evicted", _EMPTIED),
    "DeadlineExceeded": ("ended", _TOO_OLD),
    "OutOfmemory": ("unschedulable-memory", _NO_MEMORY),
    "OutOfcpu": ("unschedulable-cpu", _NO_CPU),
    "NodeAffinity": ("unschedulable", _REJECTED),
    "NodeName": ("unschedulable", _REJECTED),
    "NodePorts": ("unschedulable", _REJECTED),
    "TaintToleration": ("unschedulable-taint", _REJECTED),
    "TopologyAffinityError": ("unschedulable", _REJECTED),
    "UnexpectedAdmissionError": ("unschedulable", _REJECTED),
    "UnexpectedPredicateFailureType": ("unschedulable", _REJECTED),
}
# The reason of an event, where the pod itself says nothing.
_EVENTS = {
    "Preempted": ("evicted", _MADE_ROOM),
    "Preempting": ("evicted", _MADE_ROOM),
    "NodeNotReady": ("node-lost", _NODE_LOST),
    "TaintManagerEviction": ("node-lost", _NODE_LOST),
    "NodeShutdown": ("node-lost", _NODE_LOST),
}
_MEMORY_WORDS = ("resource: memory", "MemoryPressure")
_DISK_WORDS = ("ephemeral", "EmptyDir", "DiskPressure", "inodes", "fs")


def find_pod_end(pod: object, events: Sequence[Object]) -> Reason | None:
    """Return why the pod as a whole ends or has ended; None if nothing says that it does.

    ``events`` are the pod's own, the newest last.
    """
    return (
        _find_in_status(pod)
        or _find_disruption(pod)
        or _find_lost_node(pod)
        or _find_deletion(pod, events)
    )


def find_end_in_events(events: Sequence[Object]) -> Reason | None:
    """Return why a pod that is gone has ended, as far as its last events say."""
    for event in reversed(events):
        name, message = read_text(event, "reason"), read_text(event, "message")
        cause = f"event {name}: {message}"
        # The kubelet cancels it itself: "Cancelling deletion of Pod".
        if name in _EVENTS and not message.startswith("Cancel"):
            code, sentence = _EVENTS[name]
            return make_reason(code, sentence, cause)
        if name == "Evicted":
            return make_eviction(message, cause)
    return None


def make_eviction(message: str, cause: str) -> Reason:
    """Return why the kubelet evicted the pod; its ``message`` names what was short."""
    if any(word in message for word in _MEMORY_WORDS):
        sentence = _SHORT_OF_MEMORY
    elif any(word in message for word in _DISK_WORDS):
        sentence = _SHORT_OF_DISK
    else:
        sentence = _SHORT
    return make_reason("evicted", sentence, cause)


def _find_in_status(pod: object) -> Reason | None:
    name, message = read_text(pod, "status", "reason"), read_text(pod, "status", "message")
    cause = f"the pod's status: {name}: {message}"
    if name == "Evicted":
        return make_eviction(message, cause)
    if name in _SENTENCES:
        return make_reason(*_SENTENCES[name], cause)
    if name.startswith("OutOf"):
        return make_rejection(cause)
    return None


def _find_disruption(pod: object) -> Reason | None:
    condition = read_condition(pod, "DisruptionTarget")
    name, message = read_text(condition, "reason"), read_text(condition, "message")
    if condition.get("status") != "True" or name not in _SENTENCES:
        return None
    return make_reason(*_SENTENCES[name], f"the pod's disruption: {name}: {message}")


def _find_lost_node(pod: object) -> Reason | None:
    ready = read_text(read_condition(pod, "Ready"), "reason")
    if ready in ("NodeLost", "NodeNotReady"):
        return make_reason("node-lost", _NODE_LOST, f"the pod is not ready: {ready}")
    if read_text(pod, "status", "phase") == "Unknown":
        return make_reason("node-lost", _NODE_LOST, "the pod's phase is Unknown")
    for status in read_objects(pod, "status", "containerStatuses"):
        ended = read_object(status, "state", "terminated")
        if read_text(ended, "reason") == "ContainerStatusUnknown":
            cause = f"ContainerStatusUnknown: {read_text(ended, 'message')}"
            return make_reason("node-lost", _NODE_LOST, cause)
    return None


def _find_deletion(pod: object, events: Sequence[Object]) -> Reason | None:
    moment = read_text(pod, "metadata", "deletionTimestamp")
    if not moment:
        return None
    cause = f"the pod is being deleted (deletionTimestamp {moment})"
    return find_end_in_events(events) or make_reason("deleted", _DELETED, cause)


def make_rejection(cause: str) -> Reason:
    """Return the reason of a pod that its machine did not even begin."""
    return make_reason("unschedulable", _REJECTED, cause)


def make_deleted(cause: str) -> Reason:
    """Return the reason of a pod that is gone, and nothing says why."""
    return make_reason("deleted", _DELETED, cause)

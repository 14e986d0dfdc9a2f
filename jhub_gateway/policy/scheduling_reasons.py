"""Why no machine takes a pod yet."""

import re
from collections.abc import Sequence

from jhub_gateway.models import Reason
from jhub_gateway.policy.container_facts import read_memory
from jhub_gateway.policy.kube_objects import (
    Object,
    read_condition,
    read_object,
    read_objects,
    read_text,
)
from jhub_gateway.policy.quantities import format_memory
from jhub_gateway.policy.reason_codes import make_reason

# "0/5 nodes are available: 2 Insufficient memory, 3 node(s) had untolerated taint {gpu: true}."
_COUNTED = re.compile(r"(\d{1,9}) ([^,]{1,200})")
_CLAIM = re.compile(
    r"persistentvolumeclaim \S{1,300} (?:not found|is being deleted|bound to non-existent)"
)
# How the scheduler begins what it says of a machine; the first that fits counts.
_KINDS = (
    ("unschedulable-memory", ("Insufficient memory",)),
    ("unschedulable-cpu", ("Insufficient cpu",)),
    (
        "unschedulable-volume",
        (
            "node(s) had volume node affinity conflict",
            "node(s) didn't match PersistentVolume's node affinity",
            "node(s) had no available volume zone",
            "node(s) didn't find available persistent volumes",
            "node(s) exceed max volume count",
            "node(s) had no available disk",
            "node(s) unavailable due to",
            "node(s) did not have enough free storage",
            "node has pod using PersistentVolumeClaim",
        ),
    ),
    (
        "unschedulable-taint",
        ("node(s) had untolerated taint", "node(s) had taint", "node(s) were unschedulable"),
    ),
)
_RESOURCES = ("unschedulable-memory", "unschedulable-cpu")
_SENTENCES = {
    "unschedulable-cpu": "Waiting for a machine with enough free cores. A smaller size may start "
    "sooner.",
    "unschedulable-volume": "Waiting for a machine that can reach your files.",
    "unschedulable-taint": "Waiting for a machine that takes servers of this size. Another size "
    "may start sooner.",
    "unschedulable": "Waiting for a machine with room for your server. Another size may start "
    "sooner.",
}
_NEW_MACHINE = "Waiting for a new machine, which is being started for your server."
_SCALE_EVENTS = ("TriggeredScaleUp", "NotTriggerScaleUp", "Nominated", "FailedScaleUp")
_SCALES_UP = ("TriggeredScaleUp", "Nominated")


def find_scheduling_reason(pod: object, events: Sequence[Object]) -> Reason | None:
    """Return why the pod has no machine; None once it has one.

    ``events`` are the pod's own, the newest last.
    """
    scheduled = read_condition(pod, "PodScheduled")
    if scheduled.get("status") == "True" or read_text(pod, "spec", "nodeName"):
        return None
    if read_text(scheduled, "reason") == "SchedulingGated":
        sentence = "Waiting for the cluster's queue to let your server in."
        cause = f"SchedulingGated: {read_text(scheduled, 'message')}"
        return make_reason("scheduling", sentence, cause, is_final=False)
    message = read_text(scheduled, "message") or _find_message(events)
    if not message:
        return None
    return _judge(pod, message, _find_scale_event(events))


def make_scheduling() -> Reason:
    """Return the reason of a pod that no scheduler has looked at yet."""
    sentence = "Looking for a machine for your server."
    return make_reason("scheduling", sentence, "the pod is not scheduled yet", is_final=False)


def is_without_machine(reason: Reason) -> bool:
    """Whether it waits for room on a machine, or for a new one."""
    return reason.code.startswith("unschedulable")


def is_new_machine(reason: Reason) -> bool:
    """Whether it waits for a machine that is being started for it."""
    return reason.sentence == _NEW_MACHINE


def _judge(pod: object, message: str, scale: Object) -> Reason:
    # What follows says why ending other pods would not help, in the same words.
    said = message.partition(" preemption:")[0].rstrip(",")
    cause = f"not scheduled: {said}"
    if scale:
        cause += f" ({read_text(scale, 'reason')}: {read_text(scale, 'message')})"
    if _CLAIM.search(said):
        sentence = (
            "The storage that your server needs does not exist. Tell the gateway's operators."
        )
        return make_reason("unschedulable-volume", sentence, cause)
    code = _find_code(said)
    if read_text(scale, "reason") in _SCALES_UP:
        sentence = _NEW_MACHINE
    elif code == "unschedulable-memory":
        sentence = _describe_memory(pod)
    else:
        sentence = _SENTENCES[code]
    return make_reason(code, sentence, cause, is_final=False)


def _find_code(said: str) -> str:
    if "unbound immediate" in said or "persistentvolumeclaim" in said:
        return "unschedulable-volume"
    counts: dict[str, int] = {}
    for number, words in _COUNTED.findall(said.partition(": ")[2]):
        code = next((code for code, starts in _KINDS if words.startswith(starts)), "unschedulable")
        counts[code] = counts.get(code, 0) + int(number)
    # A machine that is short of memory would take the pod otherwise: what keeps the pod from the
    # other machines is less telling.
    short = [code for code in _RESOURCES if code in counts]
    if short:
        return max(short, key=lambda code: counts[code])
    return next((code for code, _ in _KINDS if code in counts), "unschedulable")


def _describe_memory(pod: object) -> str:
    containers = read_objects(pod, "spec", "containers")
    sizes = [
        read_memory(read_object(one, "resources", "requests").get("memory")) for one in containers
    ]
    room = f"{format_memory(sum(sizes))} of memory free" if any(sizes) else "enough free memory"
    return f"Waiting for a machine with {room}. A smaller size may start sooner."


def _find_message(events: Sequence[Object]) -> str:
    messages = (
        read_text(event, "message")
        for event in reversed(events)
        if read_text(event, "reason") == "FailedScheduling"
    )
    return next(messages, "")


def _find_scale_event(events: Sequence[Object]) -> Object:
    found = (event for event in reversed(events) if read_text(event, "reason") in _SCALE_EVENTS)
    return next(found, {})

"""Why a server does not start, or what its start waits for."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jhub_gateway.models import Reason
from jhub_gateway.policy.container_facts import (
    ContainerFacts,
    find_memory_limit,
    read_containers,
)
from jhub_gateway.policy.image_reasons import find_download, find_image_reason
from jhub_gateway.policy.init_containers import PREPARE, UNKNOWN_PROBLEM, read_refusal
from jhub_gateway.policy.kube_objects import (
    Object,
    describe_status,
    read_condition,
    read_event_count,
    read_events,
    read_text,
)
from jhub_gateway.policy.pod_ends import find_pod_end, make_rejection
from jhub_gateway.policy.reason_codes import make_name, make_reason
from jhub_gateway.policy.scheduling_reasons import find_scheduling_reason, make_scheduling

_TELL = "Tell the gateway's operators."
_MOUNT_FAILED = f"Your files can't be reached from your server. {_TELL}"
_MOUNT_RETRIED = "Trying to reach your files again, after a failure."
_MOUNTING = "Connecting your server to your files."
_MISCONFIGURED = f"Your server can't be made from the hub's settings. {_TELL}"
_CRASH = (
    "Your server ended as soon as it was started. Try again, and tell the gateway's operators if "
    "that doesn't help."
)
# What the shell answers, and runc: the program isn't there, or can't be run.
_NO_PROGRAM = (126, 127, 128)
_FILES_FAILED = (
    "Tutorials or links can't be put into your home. Try again in some minutes, and tell the "
    "gateway's operators if that doesn't help."
)

_TRY_LATER = "Try again in some minutes, and tell the gateway's operators if that doesn't help."
_NO_MACHINE = (
    "No machine could take your server in time. Choose another size, or try again in some minutes."
)
_NO_IMAGE = f"The image of your server could not be downloaded in time. {_TRY_LATER}"
# What a user reads once a start has waited too long for something.
_TOO_LATE = {
    "timeout": f"Your server did not start in time. {_TRY_LATER}",
    "unschedulable-memory": "No machine had enough free memory in time. Choose a smaller size, or "
    "try again in some minutes.",
    "unschedulable-cpu": "No machine had enough free cores in time. Choose a smaller size, or try "
    "again in some minutes.",
    "unschedulable-taint": _NO_MACHINE,
    "unschedulable": _NO_MACHINE,
    "unschedulable-volume": f"No machine could reach your files in time. {_TELL}",
    "image-pull-slow": _NO_IMAGE,
    "pulling-image": _NO_IMAGE,
    "mount-failed": f"Your files could not be reached in time. {_TRY_LATER}",
    "init-failed": f"What prepares your server kept failing. {_TELL}",
    "node-lost": "The machine of your server stopped answering. Start your server again.",
    "api-unavailable": f"The cluster did not answer in time. {_TRY_LATER}",
}

# What trying again will not change.
_MOUNT_IS_WRONG = re.compile(
    r"access denied|permission denied|no such file or directory|not found|wrong fs type|"
    r"non-existent|does not exist|type check failed",
    re.IGNORECASE,
)
_SUB_PATH = re.compile(r"subpath|volumemount|failed to mount", re.IGNORECASE)
# The kubelet waits twice as long before each try: four take some seconds. A Secret may be made
# after the pod that needs it; seven tries take half a minute.
_TRIES = 4
_TRIES_FOR_OBJECTS = 7
_OBJECT = re.compile(r"\b(secret|configmap|object) \S{1,600} not found|references non-existent")
_MOUNT_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_MOUNTING_EVENTS = ("SuccessfulAttachVolume", "VolumePermissionChangeInProgress")
_WRONG_CONFIG = ("CreateContainerConfigError", "CreateContainerError")
_PASSING_CREATE = re.compile(
    r"deadline exceeded|is reserved for|timed? ?out|no space left|unavailable|busy|too many open",
    re.IGNORECASE,
)
_CRASH_WAITS = ("CrashLoopBackOff", "RunContainerError", "PostStartHookError", "StartError")


def find_start_reason(
    pod: Mapping[str, Any] | None,
    events: Sequence[Mapping[str, Any]],
    *,
    now: float | None = None,
) -> Reason | None:
    """Return why the server does not start, or what it waits for; None while nothing is known.

    ``pod`` is the pod as the API server has it, ``events`` are core/v1 Events of it in any order.
    ``now``, in seconds since 1970, tells a slow download from another. Nothing in pod and events
    makes it raise.
    """
    own, containers = read_events(pod, events), read_containers(pod)
    return (
        find_pod_end(pod, own)
        or _find_container_failure(pod, containers, own)
        or find_scheduling_reason(pod, own)
        or _find_progress(pod, containers, own, now)
    )


def make_timeout(last: Reason | None, seconds: float) -> Reason:
    """Return the final reason of a start that took too long.

    ``last`` is what it waited for. Where that says enough the code is the same.
    """
    code = last.code if last and last.code in _TOO_LATE else "timeout"
    waited = f"{last.code}: {last.cause}" if last else "nothing was known of its pod"
    cause = f"not started after {seconds:.0f} s; {waited}"
    return make_reason(code, _TOO_LATE[code], cause)


def _find_container_failure(
    pod: object, containers: Sequence[ContainerFacts], events: Sequence[Object]
) -> Reason | None:
    for container in containers:
        reason = find_image_reason(container, events) or _find_config_error(container)
        reason = reason or _find_end(pod, container)
        if reason:
            return reason
    if read_text(pod, "status", "phase") not in ("Failed", "Succeeded"):
        return None
    if any(one.has_begun for one in containers):
        return make_reason("crash-at-start", _CRASH, describe_status(pod))
    return make_rejection(describe_status(pod))


def _find_config_error(container: ContainerFacts) -> Reason | None:
    """Return why no container can be made: its settings, a Secret that is missing, a sub-path."""
    waiting, message = (read_text(container.waiting, key) for key in ("reason", "message"))
    if waiting not in _WRONG_CONFIG:
        return None
    cause = container.describe_waiting()
    if _PASSING_CREATE.search(message):
        sentence = "The machine of your server is slow to make it, and tries again."
        return make_reason("starting", sentence, cause, is_final=False)
    if _SUB_PATH.search(message):
        return make_reason("mount-failed", _MOUNT_FAILED, cause)
    return make_reason("misconfigured", _MISCONFIGURED, cause)


def _find_end(pod: object, container: ContainerFacts) -> Reason | None:
    """Return why a container ended that should have gone on, or should have ended well."""
    if container.is_init:
        return _find_init_failure(container)
    waiting = read_text(container.waiting, "reason")
    if not container.ended and waiting not in _CRASH_WAITS:
        return None
    cause = container.describe_end() if container.ended else container.describe_waiting()
    if container.is_notebook and container.is_out_of_memory:
        return _make_out_of_memory(pod, cause)
    if container.is_notebook and (container.exit_code in _NO_PROGRAM or not container.ended):
        image = make_name(container.image) or "chosen"
        sentence = f"The image {image} has no server that can be started. {_TELL}"
        return make_reason("crash-at-start", sentence, cause)
    if container.is_notebook:
        return make_reason("crash-at-start", _CRASH, cause)
    if container.has_failed or waiting in _CRASH_WAITS:
        name = make_name(container.name)
        sentence = f"A part of your server, {name}, ended as soon as it was started. {_TELL}"
        return make_reason("crash-at-start", sentence, cause)
    return None


def _make_out_of_memory(pod: object, cause: str) -> Reason:
    limit = find_memory_limit(pod)
    memory = f"its {limit} of memory" if limit else "its memory"
    sentence = f"Your server ran out of {memory} while it started. Choose a larger size."
    return make_reason("oom-at-start", sentence, cause)


def _find_init_failure(container: ContainerFacts) -> Reason | None:
    is_stuck = read_text(container.waiting, "reason") in _CRASH_WAITS
    if not (container.has_failed or is_stuck):
        return None
    cause = container.describe_end() if container.ended else container.describe_waiting()
    if container.name == PREPARE:
        return _read_refusal(container, cause)
    if container.is_own_init:
        return make_reason("init-failed", _FILES_FAILED, cause)
    name = make_name(container.name)
    # The operator's own may well wait for something by failing until it is there.
    if is_stuck and container.restarts:
        sentence = f"What prepares your server, {name}, fails each time. {_TELL}"
        return make_reason("init-failed", sentence, cause)
    sentence = f"Trying again what prepares your server, {name}, after a failure."
    return make_reason("init-failed", sentence, cause, is_final=False)


def _read_refusal(container: ContainerFacts, cause: str) -> Reason:
    status = {"name": PREPARE, "state": {"terminated": container.ended}}
    sentence, said = read_refusal({"status": {"initContainerStatuses": [status]}}) or (
        UNKNOWN_PROBLEM,
        cause,
    )
    if sentence == UNKNOWN_PROBLEM:
        return make_reason("init-failed", sentence, cause)
    return make_reason("home-refused", sentence, said)


def _find_progress(
    pod: object, containers: Sequence[ContainerFacts], events: Sequence[Object], now: float | None
) -> Reason | None:
    """Return what a pod is at that nothing has gone wrong with."""
    notebook = next((one for one in containers if one.is_notebook), None)
    if notebook is not None and notebook.is_running:
        sentence = "Your server runs. Waiting for it to answer."
        return make_reason("starting", sentence, "the container runs", is_final=False)
    reason = find_download(containers, events, now) or _find_lost_machine(events)
    if not any(one.has_begun for one in containers):
        reason = reason or _find_mount_failure(events) or _find_step(events)
    if reason:
        return reason
    running = next((one for one in containers if one.is_init and one.is_running), None)
    if running is not None:
        sentence = "Preparing your home." if running.is_own_init else "Preparing your server."
        cause = f"the init container {running.name} runs"
        return make_reason("starting", sentence, cause, is_final=False)
    if read_condition(pod, "PodScheduled").get("status") == "True" or containers:
        sentence = "A machine was found for your server, and is preparing it."
        return make_reason("starting", sentence, "the pod is scheduled", is_final=False)
    return make_scheduling() if pod else None


def _find_lost_machine(events: Sequence[Object]) -> Reason | None:
    if _name_newest(events) != "NodeNotReady":
        return None
    sentence = "Waiting for the machine of your server, which does not answer."
    return make_reason("node-lost", sentence, _describe(events[-1]), is_final=False)


def _find_mount_failure(events: Sequence[Object]) -> Reason | None:
    """Return why nothing is mounted yet, if that is what the machine last was at."""
    if _name_newest(events) not in _MOUNT_EVENTS:
        return None
    failures = [event for event in events if read_text(event, "reason") in _MOUNT_EVENTS]
    for event in failures:
        if _is_hopeless(event):
            return make_reason("mount-failed", _MOUNT_FAILED, _describe(event))
    return make_reason("mount-failed", _MOUNT_RETRIED, _describe(failures[-1]), is_final=False)


def _is_hopeless(event: Object) -> bool:
    message = read_text(event, "message")
    tries = _TRIES_FOR_OBJECTS if _OBJECT.search(message) else _TRIES
    return bool(_MOUNT_IS_WRONG.search(message)) and read_event_count(event) >= tries


def _find_step(events: Sequence[Object]) -> Reason | None:
    """Return what the newest event says that the machine is at."""
    name = _name_newest(events)
    if name in _MOUNTING_EVENTS:
        return make_reason("mounting", _MOUNTING, _describe(events[-1]), is_final=False)
    if name in ("FailedCreatePodSandBox", "NetworkNotReady"):
        sentence = "The machine of your server has a difficulty, and tries again."
        return make_reason("starting", sentence, _describe(events[-1]), is_final=False)
    return None


def _name_newest(events: Sequence[Object]) -> str:
    return read_text(events[-1], "reason") if events else ""


def _describe(event: Object) -> str:
    return f"{read_text(event, 'reason')}: {read_text(event, 'message')}"

"""What a pod's status says of each of its containers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jhub_gateway.policy.init_containers import FILL, PREPARE
from jhub_gateway.policy.kube_objects import (
    Object,
    read_number,
    read_object,
    read_objects,
    read_text,
)
from jhub_gateway.policy.quantities import format_memory, parse_memory

NOTEBOOK = "notebook"
_OWN_INIT_CONTAINERS = (PREPARE, FILL)
# So a process ends that was asked to.
_ASKED_TO_END = 143


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One container: ``waiting`` and ``ended`` as Kubernetes has them, empty where it isn't so.

    ``ended`` is its last run that ended, whether or not it runs again. ``restarts`` is how often
    it was started again in this pod.
    """

    name: str
    image: str
    is_init: bool
    waiting: Object
    ended: Object
    is_running: bool
    restarts: int

    @property
    def is_notebook(self) -> bool:
        """Whether it is the user's server itself."""
        return self.name == NOTEBOOK and not self.is_init

    @property
    def is_own_init(self) -> bool:
        """Whether it is one of this project's, which see to the home."""
        return self.is_init and self.name in _OWN_INIT_CONTAINERS

    @property
    def has_begun(self) -> bool:
        """Whether it ever ran, so that everything of the pod is mounted."""
        return self.is_running or bool(self.ended)

    @property
    def exit_code(self) -> int:
        """What its last run ended with."""
        return read_number(self.ended, "exitCode")

    @property
    def has_failed(self) -> bool:
        """Whether its last run ended otherwise than well."""
        return self.exit_code != 0

    @property
    def was_asked_to_end(self) -> bool:
        """Whether its last run ended by SIGTERM."""
        return self.exit_code == _ASKED_TO_END

    @property
    def is_out_of_memory(self) -> bool:
        """Whether its last run was ended for want of memory, or had too little to begin."""
        return read_text(self.ended, "reason") == "OOMKilled" or (
            self.has_failed and "OOM-killed" in read_text(self.ended, "message")
        )

    def describe_end(self) -> str:
        """Return for the operator how the last run ended."""
        reason, message = read_text(self.ended, "reason"), read_text(self.ended, "message")
        parts = (f"container {self.name} ended with {self.exit_code}", reason, message)
        return ": ".join(part for part in parts if part)

    def describe_waiting(self) -> str:
        """Return for the operator why the container waits."""
        reason, message = read_text(self.waiting, "reason"), read_text(self.waiting, "message")
        return ": ".join(part for part in (f"container {self.name}", reason, message) if part)


def read_containers(pod: object) -> list[ContainerFacts]:
    """Return the containers that have a status: the init containers in their order, then others."""
    images = {
        read_text(one, "name"): read_text(one, "image")
        for part in ("initContainers", "containers")
        for one in read_objects(pod, "spec", part)
    }
    return [
        _make_facts(status, images, part == "initContainerStatuses")
        for part in ("initContainerStatuses", "containerStatuses")
        for status in read_objects(pod, "status", part)
    ]


def find_notebook(pod: object) -> ContainerFacts | None:
    """Return the container of the user's server, if it has a status."""
    return next((one for one in read_containers(pod) if one.is_notebook), None)


def find_memory_limit(pod: object) -> str:
    """Return how much memory the user's server may have, as ``"2 GB"``; empty if unknown."""
    parts = (("spec", "containers"), ("status", "containerStatuses"))
    for part in parts:
        for one in read_objects(pod, *part):
            if read_text(one, "name") == NOTEBOOK:
                limit = read_object(one, "resources", "limits").get("memory")
                if size := read_memory(limit):
                    return format_memory(size)
    return ""


def read_memory(quantity: object) -> int:
    """Return an amount of memory in bytes; 0 for what is none."""
    try:
        return parse_memory(quantity)
    except (ValueError, OverflowError):
        return 0


def _make_facts(status: Object, images: Mapping[str, str], is_init: bool) -> ContainerFacts:
    state: Mapping[str, Any] = read_object(status, "state")
    name = read_text(status, "name")
    return ContainerFacts(
        name=name,
        image=images.get(name) or read_text(status, "image"),
        is_init=is_init,
        waiting=read_object(state, "waiting"),
        ended=read_object(state, "terminated") or read_object(status, "lastState", "terminated"),
        is_running=state.get("running") is not None,
        restarts=read_number(status, "restartCount"),
    )

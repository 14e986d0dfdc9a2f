"""How far a start has come, and how long each stage of it took."""

from collections.abc import Mapping, Sequence
from typing import Any

from jhub_gateway.policy.container_facts import ContainerFacts, read_containers
from jhub_gateway.policy.image_reasons import find_download, find_image_reason
from jhub_gateway.policy.kube_objects import Object, read_condition, read_events

QUEUED = "queued"
# In the order of a start that goes well. They label the metrics.
STAGES = (QUEUED, "scheduling", "volumes", "image", "home", "server")


def find_stage(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """Return which of STAGES a start with this pod is in.

    ``queued`` lasts until the API server has the pod, ``scheduling`` until it has a node,
    ``volumes`` until its first container runs; ``image`` is a download, ``home`` the init
    containers, and ``server`` lasts from the user's container until its server answers. ``pod``
    and ``events`` are as the API server has them. Nothing in them makes it raise.
    """
    containers, own = read_containers(pod), read_events(pod, events)
    if any(one.is_notebook and one.has_begun for one in containers):
        return "server"
    if _is_at_image(containers, own):
        return "image"
    if any(one.has_begun for one in containers):
        return "home"
    if containers or read_condition(pod, "PodScheduled").get("status") == "True":
        return "volumes"
    return "scheduling"


def _is_at_image(containers: Sequence[ContainerFacts], events: Sequence[Object]) -> bool:
    if find_download(containers, events, None):
        return True
    return any(find_image_reason(container, events) for container in containers)


class StageTimes:
    """How long a start has been in each stage; times are seconds of a clock that only goes on."""

    def __init__(self, now: float) -> None:
        self.stage = QUEUED
        self._since = now
        self._seconds: dict[str, float] = {}

    def enter(self, stage: str, now: float) -> None:
        """The start is in this stage now; it may have been there before."""
        past = self._seconds.get(self.stage, 0.0)
        self._seconds[self.stage] = past + max(now - self._since, 0.0)
        self.stage, self._since = stage, now

    def finish(self, now: float) -> Mapping[str, float]:
        """Return the seconds in each stage that there was, up to now."""
        self.enter(self.stage, now)
        return dict(self._seconds)

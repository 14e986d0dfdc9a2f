"""One start: from POST /users/NAME/server to the event that says that the server is ready."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.hubs import GROUP
from benchmarks.stages import SERVER, UNTIL_POD, Log, split_start
from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub, HubError

_GONE_SECONDS = 60
_OUTSIDE_POD = (UNTIL_POD, SERVER)


@dataclass(frozen=True)
class Start:
    """What was measured of a start, in seconds: all of it, and each stage, first to last."""

    variant: str
    turn: int
    seconds: float
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def pod_seconds(self) -> float:
        """From the pod's creation until the notebook's container runs."""
        return sum(seconds for name, seconds in self.stages.items() if name not in _OUTSIDE_POD)


def measure_start(hub: Hub, namespace: Namespace, variant: str, turn: int, user: str) -> Start:
    """Start the user's server, stop it again, and return once its pod is gone."""
    if hub.api("GET", f"/users/{user}").status_code == 404:
        hub.add_user(user, GROUP)
    log = Log()
    begun = time.time()
    hub.api("POST", f"/users/{user}/server").raise_for_status()
    _wait_until_ready(hub, user)
    ready = time.time()
    (pod,) = namespace.pods()
    stages = split_start(log.read(), pod, begun, ready)
    hub.stop_server(user)
    _wait_until_gone(namespace)
    return Start(variant, turn, ready - begun, stages)


def _wait_until_ready(hub: Hub, user: str) -> None:
    """Follow the progress, which costs the hub less than being asked all the time."""
    with hub.api("GET", f"/users/{user}/server/progress", stream=True) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines(chunk_size=1):
            event: dict[str, Any] = json.loads(line[6:]) if line.startswith(b"data: ") else {}
            if event.get("failed"):
                raise HubError(f"the server of {user} failed:\n{hub.tail()}")
            if event.get("ready"):
                return
    raise HubError(f"the server of {user} was not ready:\n{hub.tail()}")


def _wait_until_gone(namespace: Namespace) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while namespace.pods():
        if time.monotonic() > deadline:
            raise HubError(f"a pod was still there after {_GONE_SECONDS} s")
        time.sleep(0.2)

"""Where the time of a start goes, by containerd's log and the API server's audit log.

A pod's status and its events have whole seconds, which is too coarse for this.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.cluster.process import get_log_path

UNTIL_POD = "hub, until the pod is made"
UNTIL_SANDBOX = "scheduler and kubelet, with the volumes"
SANDBOX = "sandbox"
NOTICED = "kubelet, until it sees the end of {name}"
SERVER = "server, until the hub calls it ready"

_LINE = re.compile(r'^time="(?P<time>\S+)" level=info msg="(?P<text>.*)"(?: id=(?P<id>\w+).*)?$')


class Log:
    """What both logs say from now on."""

    def __init__(self) -> None:
        self._paths = (get_log_path("audit"), get_log_path("containerd"))
        self._begins = [path.stat().st_size for path in self._paths]

    def read(self) -> tuple[list[str], list[str]]:
        """The lines since then: of the audit log, and of containerd's."""
        audit, containerd = map(_read_from, self._paths, self._begins)
        return audit, containerd


def _read_from(path: Path, begin: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace").splitlines()


def split_start(
    logs: tuple[list[str], list[str]], pod: dict[str, Any], begun: float, ready: float
) -> dict[str, float]:
    """Return the seconds of each stage, first to last. ``begun`` and ``ready`` are Unix times."""
    audit, containerd = logs
    marks = _Marks(containerd)
    uid = pod["metadata"]["uid"]
    times = [("", begun), (UNTIL_POD, _find_creation(audit, pod["metadata"]["name"]))]
    times.append((UNTIL_SANDBOX, marks.find(f"RunPodSandbox for .*Uid:{uid},.*}}")))
    before = SANDBOX
    for status in pod["status"].get("initContainerStatuses", []):
        container = status["containerID"].removeprefix("containerd://")
        times.append((before, marks.find_creation(container)))
        times.append((status["name"], marks.find_end(container)))
        before = NOTICED.format(name=status["name"])
    (status,) = pod["status"]["containerStatuses"]
    container = status["containerID"].removeprefix("containerd://")
    times.append((before, marks.find_creation(container)))
    started = marks.find(rf'StartContainer for \\"{container}\\" returns successfully')
    times += [(status["name"], started), (SERVER, ready)]
    return {name: end - begin for (_, begin), (name, end) in pairwise(times)}


def _find_creation(audit: Iterable[str], name: str) -> float:
    for line in audit:
        # Most of the log is about other things.
        if '"verb":"create"' in line and name in line:
            event = json.loads(line)
            if event["objectRef"]["resource"] == "pods":
                return _read_time(event["requestReceivedTimestamp"])
    raise LookupError(f"the audit log has no creation of the pod {name}")


class _Marks:
    """What containerd says, and when."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._marks = [match for line in lines if (match := _LINE.match(line))]

    def find(self, pattern: str, container: str | None = None) -> float:
        """The time of the first message that is the pattern and, if given, about the container."""
        for mark in self._marks:
            if re.fullmatch(pattern, mark["text"]) and container in (None, mark["id"]):
                return _read_time(mark["time"])
        raise LookupError(f"containerd's log has no {pattern}")

    def find_creation(self, container: str) -> float:
        """When the kubelet asked for the container: it has its id only in the answer."""
        answer = rf'CreateContainer .* for (.*) returns container id \\"{container}\\"'
        for mark in self._marks:
            if found := re.fullmatch(answer, mark["text"]):
                asked = mark["text"].partition(" for ")[0] + " for container " + found[1]
                return self.find(re.escape(asked))
        raise LookupError(f"containerd's log has no creation of {container}")

    def find_end(self, container: str) -> float:
        """When the container had ended."""
        return self.find("shim disconnected", container)


def _read_time(text: str) -> float:
    # Python reads microseconds; containerd writes nanoseconds without trailing zeros.
    return datetime.fromisoformat(text).timestamp()

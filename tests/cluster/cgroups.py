"""One cgroup for everything that runs on the node, so that all of it can be found and ended."""

import os
import signal
import time
from pathlib import Path

from .errors import ClusterError
from .paths import RUN

NAME = RUN.name
"""The cgroup below the root: the kubelet keeps its pods inside of it."""

CONTROLLERS = ("cpu", "cpuset", "memory", "pids")


def make() -> None:
    """Make the cgroup in each hierarchy, with the controllers that the kubelet needs."""
    for hierarchy in get_hierarchies():
        (hierarchy / NAME / "daemons").mkdir(parents=True, exist_ok=True)
    if is_unified():
        for group in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup", NAME)):
            _enable_controllers(group)


def join(pid: int) -> None:
    """Put a program of the node, and whatever it starts from now on, into the cgroup.

    One hierarchy of version 1 is enough for finding it; the others limit what they limited.
    """
    hierarchy = next(path for path in get_hierarchies() if is_unified() or path.name == "pids")
    (hierarchy / NAME / "daemons" / "cgroup.procs").write_text(str(pid))


def exists() -> bool:
    """Whether a node of any checkout has left its cgroup behind."""
    return any((hierarchy / NAME).exists() for hierarchy in get_hierarchies())


def get_pids() -> set[int]:
    """Every process of the node: its programs, the containers and their shims."""
    pids: set[int] = set()
    for hierarchy in get_hierarchies():
        for file in (hierarchy / NAME).rglob("cgroup.procs"):
            try:
                pids.update(int(line) for line in file.read_text().split())
            except OSError:
                continue  # The cgroup or its process went away meanwhile.
    return pids


def end(seconds: float = 15) -> None:
    """Kill every process of the node and remove the cgroup.

    Raises ClusterError if something is still there after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while exists():
        for pid in get_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for hierarchy in get_hierarchies():
            _remove(hierarchy / NAME)
        if time.monotonic() > deadline:
            raise ClusterError(f"The cgroup {NAME} cannot be removed: {sorted(get_pids())}.")
        time.sleep(0.05)


def is_unified() -> bool:
    """Whether this machine has version 2 of cgroups, which has a single hierarchy."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def get_hierarchies() -> list[Path]:
    """The mounted hierarchies: one with version 2, one for each controller with version 1."""
    if is_unified():
        return [Path("/sys/fs/cgroup")]
    lines = Path("/proc/mounts").read_text().splitlines()
    # cgroup2 too: without controllers beside version 1, and runc uses it all the same.
    mounts = [Path(line.split()[1]) for line in lines if line.split()[2].startswith("cgroup")]
    return sorted(set(mounts))


def _enable_controllers(group: Path) -> None:
    for controller in CONTROLLERS:
        try:
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            raise ClusterError(
                f"The {controller} controller cannot be enabled in {group} ({error.strerror}): "
                "the node level needs cgroups of its own. In a container, give it a private "
                "cgroup namespace and start the tests below a process that left the root."
            ) from error


def _remove(group: Path) -> None:
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            continue  # Busy: its processes are about to end.

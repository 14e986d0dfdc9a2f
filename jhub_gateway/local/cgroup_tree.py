"""Where the kernel lets the hub make a control group per server.

Version 1 keeps a tree per controller, version 2 one tree for all. Under version 2 a group that
hands controllers to its children must hold no process itself, so the hub steps aside into a child
of its own, but only where its group was delegated to it. Systemd's rule is one writer per group.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from jhub_gateway.local.cgroup_files import write, write_if_there

PREFIX = "jhub-gateway-"
HUB_LEAF = PREFIX + "hub"
_MOUNT = "mount"


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """Where the servers' groups go. ``cpu`` is None where CPU can't be limited.

    Under version 2 both are the same directory.
    """

    version: int
    memory: Path
    cpu: Path | None = None

    @property
    def parents(self) -> tuple[Path, ...]:
        """The directories in which each server has a group."""
        return tuple(dict.fromkeys(path for path in (self.memory, self.cpu) if path))


def find_cgroup_tree(proc: Path = Path("/proc/self")) -> CgroupTree | None:
    """Return where this process may create groups that limit memory, or None.

    ``proc`` is this process's directory in /proc. The hub may be moved into a child of its own
    group, see above.
    """
    places = find_own_groups(proc)
    if (memory := places.get("memory")) and _is_writable_v1(memory, "memory.limit_in_bytes"):
        cpu = places.get("cpu")
        usable = cpu is not None and _is_writable_v1(cpu, "cpu.cfs_quota_us")
        return CgroupTree(1, memory, cpu if usable else None)
    unified = places.get("")
    return _find_v2_tree(unified, places[_MOUNT]) if unified else None


def find_own_groups(proc: Path) -> dict[str, Path]:
    """Return this process's group for each version 1 controller, and under "" for version 2.

    ``_MOUNT`` is the mount point of version 2.
    """
    groups: dict[str, str] = {}
    try:
        for line in (proc / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
        mounts = (proc / "mountinfo").read_text().splitlines()
    except OSError:
        return {}
    return _match_mounts(groups, mounts)


def _match_mounts(groups: dict[str, str], mounts: list[str]) -> dict[str, Path]:
    places: dict[str, Path] = {}
    for line in mounts:
        fields = line.split()
        root, point = fields[3], Path(fields[4])
        kind, _, options = fields[fields.index("-") + 1 :][:3]
        keys = {"cgroup": options.split(","), "cgroup2": [""]}.get(kind, [])
        for key in keys:
            # In a container the mount may show a part of the tree alone.
            if key in groups and Path(groups[key]).is_relative_to(root):
                places.setdefault(key, point / Path(groups[key]).relative_to(root))
                if kind == "cgroup2":
                    places.setdefault(_MOUNT, point)
    return places


def _is_writable_v1(group: Path, limit_file: str) -> bool:
    probe = group / f"{PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        return os.access(probe / limit_file, os.W_OK) and os.access(probe / "cgroup.procs", os.W_OK)
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()


def _find_v2_tree(own: Path, mount: Path) -> CgroupTree | None:
    # After a restart in the same group, or with systemd's DelegateSubgroup=, the hub is in a leaf
    # and the delegated group is the one above.
    for group in (own.parent, own) if own != mount else (own,):
        if _is_delegated(group, mount) and _hand_down(group, "memory", own):
            cpu = group if _hand_down(group, "cpu", own) else None
            return CgroupTree(2, group, cpu)
    return None


def _is_delegated(group: Path, mount: Path) -> bool:
    if not os.access(group, os.W_OK) or not os.access(group / "cgroup.procs", os.W_OK):
        return False
    return group == mount or any(
        _read_attribute(group, name) == b"1" for name in ("user.delegate", "trusted.delegate")
    )


def _read_attribute(path: Path, name: str) -> bytes:
    try:
        return os.getxattr(path, name)
    except OSError:
        return b""


def _hand_down(group: Path, controller: str, own: Path) -> bool:
    """Let the children of ``group`` have the controller; return whether they do."""
    if controller not in (group / "cgroup.controllers").read_text().split():
        return False
    switch = group / "cgroup.subtree_control"
    if controller in switch.read_text().split():
        return True
    try:
        if group == own and not write_if_there(switch, f"+{controller}"):
            _step_aside(group)
        write(switch, f"+{controller}")
    except OSError:
        return False
    return True


def _step_aside(group: Path) -> None:
    leaf = group / HUB_LEAF
    leaf.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            write(leaf / "cgroup.procs", pid)

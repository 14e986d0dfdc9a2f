"""Control groups, one per server: made, limited, joined and removed."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from jhub_gateway.local.cgroup_files import write, write_if_there
from jhub_gateway.local.cgroup_tree import HUB_LEAF, CgroupTree

_PERIOD = 100_000  # microseconds; the kernel's own default for CPU quotas


def make_cgroup(tree: CgroupTree, name: str, memory: int | None, cpu: float | None) -> None:
    """Create the groups of a server. ``memory`` is bytes, ``cpu`` cores; None is no limit.

    Raises OSError if the kernel refuses; nothing is left behind then.
    """
    try:
        for parent in tree.parents:
            (parent / name).mkdir()
        if memory is not None:
            _limit_memory(tree.version, tree.memory / name, memory)
        if cpu is not None and tree.cpu is not None:
            _limit_cpu(tree.version, tree.cpu / name, cpu)
    except OSError:
        remove_cgroup(tree, name)
        raise


def make_joiner(tree: CgroupTree, name: str) -> Callable[[], None]:
    """Return a function that puts the process that calls it into the server's groups."""
    files = [str(parent / name / "cgroup.procs") for parent in tree.parents]

    def join() -> None:
        # Runs between fork and exec: system calls alone.
        for file in files:
            descriptor = os.open(file, os.O_WRONLY)
            os.write(descriptor, b"0")
            os.close(descriptor)

    return join


def list_processes(tree: CgroupTree, name: str) -> set[int]:
    """Return the ids of the processes in the server's groups."""
    pids: set[int] = set()
    for parent in tree.parents:
        with contextlib.suppress(OSError):
            pids.update(map(int, (parent / name / "cgroup.procs").read_text().split()))
    return pids


def remove_cgroup(tree: CgroupTree, name: str) -> bool:
    """Remove the groups of a server; return whether they are gone. A group in use stays."""
    for parent in tree.parents:
        with contextlib.suppress(OSError):
            (parent / name).rmdir()
    return not any((parent / name).exists() for parent in tree.parents)


def remove_stale_cgroups(tree: CgroupTree, prefix: str) -> list[str]:
    """Remove every group named with ``prefix`` that holds no process, and return their names."""
    names = {path.name for parent in tree.parents for path in parent.glob(f"{prefix}*/")}
    return sorted(name for name in names - {HUB_LEAF} if remove_cgroup(tree, name))


def _limit_memory(version: int, group: Path, memory: int) -> None:
    # Swap is counted in, so that an oversized server is stopped and doesn't grind the machine.
    # A kernel without swap accounting has no such file.
    if version == 1:
        write(group / "memory.limit_in_bytes", memory)
        write_if_there(group / "memory.memsw.limit_in_bytes", memory)
    else:
        write(group / "memory.max", memory)
        write_if_there(group / "memory.swap.max", 0)


def _limit_cpu(version: int, group: Path, cpu: float) -> None:
    quota = max(1000, round(cpu * _PERIOD))  # the kernel takes no less than a millisecond
    if version == 1:
        write(group / "cpu.cfs_period_us", _PERIOD)
        write(group / "cpu.cfs_quota_us", quota)
    else:
        write(group / "cpu.max", f"{quota} {_PERIOD}")

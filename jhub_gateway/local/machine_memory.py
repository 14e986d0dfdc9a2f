"""How much memory this machine has for the hub and its servers."""

import os
from pathlib import Path

from jhub_gateway.local.cgroup_tree import find_own_groups

# Version 2's, and version 1's.
_LIMITS = ("memory.max", "memory.limit_in_bytes")


def read_machine_memory(proc: Path = Path("/proc/self")) -> int:
    """Return it in bytes: what the machine has, or less where a control group has a limit.

    ``proc`` is this process's directory in /proc.
    """
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([installed, *_read_limits(proc)])


def _read_limits(proc: Path) -> list[int]:
    groups = find_own_groups(proc)
    own = [path for path in (groups.get(""), groups.get("memory")) if path]
    places = [place for path in own for place in (path, *path.parents)]
    return [int(text) for place in places if (text := _read_limit(place)).isdigit()]


def _read_limit(group: Path) -> str:
    for name in _LIMITS:
        try:
            return (group / name).read_text().strip()
        except OSError:
            continue
    return ""

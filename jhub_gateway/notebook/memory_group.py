"""The control group that limits this server's memory: what it counts, in cgroup v1 and v2.

In a container it is the container's own, and on one machine the server's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
# The kernel keeps limits as whole pages, of 64 KB on some machines.
_PAGE = 64 * 1024


@dataclass(frozen=True)
class MemoryGroup:
    """A control group with a memory limit. ``limit`` is bytes."""

    limit: int
    events: Path
    statistics: Path

    def count_kills(self) -> int | None:
        """Return how many processes were ended for want of memory; None if it can't be read."""
        return _read_number(self.events, "oom_kill")

    def measure(self) -> int | None:
        """Return the bytes that its processes hold, files in the page cache left out."""
        # Version 1 counts a group's children only in the total.
        return _read_number(self.statistics, "total_rss", "anon")

    def measure_working_set(self) -> int | None:
        """Return the bytes that can't be taken back from it, as Kubernetes shows a pod's memory.

        Files that were read and are not looked at any more are left out.
        """
        directory = self.statistics.parent
        sizes = (directory / "memory.current", directory / "memory.usage_in_bytes")
        used = next((size for file in sizes if (size := _read_size(file)) is not None), None)
        spare = _read_number(self.statistics, "total_inactive_file", "inactive_file")
        return None if used is None or spare is None else max(used - spare, 0)


def find_memory_group(limit: int, own: Path = _OWN, cgroups: Path = _CGROUPS) -> MemoryGroup | None:
    """Return the group whose limit is ``limit`` bytes; None if this process is in none.

    A server that is limited otherwise is in a group with others, whose kills are not its own.
    """
    for directory, limit_file, events in _list_candidates(own, cgroups):
        found = _read_size(directory / limit_file)
        if found is not None and abs(found - limit) < _PAGE:
            return MemoryGroup(limit, directory / events, directory / "memory.stat")
    return None


def _list_candidates(own: Path, cgroups: Path) -> Iterator[tuple[Path, str, str]]:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    paths = dict(line.split(":", 2)[1:] for line in lines)
    v2 = ("memory.max", "memory.events")
    v1 = ("memory.limit_in_bytes", "memory.oom_control")
    # A container can see its group as the root of all, or be told where the machine has it.
    yield cgroups / paths.get("", "/").lstrip("/"), *v2
    yield cgroups, *v2
    yield cgroups / "memory" / paths.get("memory", "/").lstrip("/"), *v1
    yield cgroups / "memory", *v1


def _read_size(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _read_number(file: Path, *keys: str) -> int | None:
    try:
        numbers = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
        return next((int(numbers[key]) for key in keys if key in numbers), None)
    except (OSError, ValueError):
        return None

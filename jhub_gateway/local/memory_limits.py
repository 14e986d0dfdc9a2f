"""The two ways to limit the memory of a local process where systemd doesn't do it."""

import resource
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.cgroup_tree import PREFIX, CgroupTree, find_cgroup_tree
from jhub_gateway.local.cgroups import (
    list_processes,
    make_cgroup,
    make_joiner,
    remove_cgroup,
    remove_stale_cgroups,
)

METHODS = ("auto", "systemd", "cgroup", "rlimit")


class MemoryLimit(Protocol):
    """Limits the servers of one hub. A server is named by the id of its start."""

    method: str
    description: str

    def prepare(self, spawn_id: str, memory: int | None, cpu: float | None) -> Callable[[], None]:
        """Return what the new process calls between fork and exec to be limited.

        ``memory`` is bytes, ``cpu`` cores; None is no limit. Raises OSError if the kernel refuses.
        """

    def list_processes(self, spawn_id: str) -> set[int]:
        """Return the ids of the server's processes, as far as this way knows them."""

    def remove(self, spawn_id: str) -> bool:
        """Forget a server whose processes have ended; return False if the kernel isn't ready."""

    def remove_stale(self) -> list[str]:
        """Remove what servers of an earlier run left, and return the names of it."""


class ResourceLimit:
    """RLIMIT_DATA, for each process of a server by itself.

    It counts private writable memory, and an allocation over it fails: MemoryError in Python.
    RLIMIT_AS would count reserved addresses too, of which a kernel's threads alone take over half
    a gigabyte.
    """

    method = "rlimit"
    description = "each process of a server by itself (RLIMIT_DATA); CPU is not limited"

    def prepare(
        self,
        spawn_id: str,  # noqa: ARG002
        memory: int | None,
        cpu: float | None,  # noqa: ARG002
    ) -> Callable[[], None]:
        """Never over the hub's own hard limit, which no process may raise."""
        if memory is None:
            return lambda: None
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        size = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        return lambda: resource.setrlimit(resource.RLIMIT_DATA, (size, size))

    def list_processes(self, spawn_id: str) -> set[int]:  # noqa: ARG002
        """None: a resource limit doesn't tell whose processes it limits."""
        return set()

    def remove(self, spawn_id: str) -> bool:  # noqa: ARG002
        """Nothing to do: the limit ends with its processes."""
        return True

    def remove_stale(self) -> list[str]:
        """Nothing to do, as nothing outlives the processes."""
        return []


class CgroupLimit:
    """A control group per server: all its processes together have the profile's memory.

    ``scope`` tells this hub's groups from another's below the same parent; any text.
    """

    method = "cgroup"

    def __init__(self, tree: CgroupTree, scope: str) -> None:
        self.tree = tree
        self.prefix = f"{PREFIX}{sha256(scope.encode()).hexdigest()[:8]}-"
        cpu = "CPU too" if tree.cpu else "CPU is not limited"
        self.description = (
            f"all processes of a server together (cgroup version {tree.version} below "
            f"{tree.memory}); {cpu}"
        )

    def prepare(self, spawn_id: str, memory: int | None, cpu: float | None) -> Callable[[], None]:
        """Make the group before the process, so that it is limited from its first instruction."""
        make_cgroup(self.tree, self.prefix + spawn_id, memory, cpu)
        return make_joiner(self.tree, self.prefix + spawn_id)

    def list_processes(self, spawn_id: str) -> set[int]:
        """Those that gave up the server's environment too: none can leave its group."""
        return list_processes(self.tree, self.prefix + spawn_id)

    def remove(self, spawn_id: str) -> bool:
        """The kernel keeps a group for a moment after its last process has ended."""
        return remove_cgroup(self.tree, self.prefix + spawn_id)

    def remove_stale(self) -> list[str]:
        """Only this hub's, and none of a server that outlived the hub."""
        return remove_stale_cgroups(self.tree, self.prefix)


def choose_memory_limit(
    method: str, scope: str, find_tree: Callable[[], CgroupTree | None] = find_cgroup_tree
) -> MemoryLimit:
    """Return the way to limit memory for ``memory_limit_method``, without systemd.

    ``auto`` takes a control group where one can be written, else the resource limit. Raises
    ConfigurationError where the way that was asked for does not work on this machine.
    """
    if method == "systemd":
        raise ConfigurationError(
            "memory_limit_method: 'systemd' needs systemd as the init system, a hub that runs as "
            "root and the package jupyterhub-systemdspawner; use 'auto' without them"
        )
    tree = find_tree() if method in ("auto", "cgroup") else None
    if tree is not None:
        return CgroupLimit(tree, scope)
    if method == "cgroup":
        raise ConfigurationError(
            "memory_limit_method: 'cgroup' needs a control group with the memory controller that "
            "the hub may write; delegate one to it (systemd: Delegate=yes), or use 'auto'"
        )
    return ResourceLimit()

"""How much memory this server has and uses, for its user. Standard library alone."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from jhub_gateway.notebook.memory_group import find_memory_group

_GIB = 1024**3


class ServerMemory(NamedTuple):
    """Bytes that all programs of the server hold, and may hold. None where that isn't known."""

    used: int | None
    limit: int | None

    def __repr__(self) -> str:
        if self.limit is None:
            return "Nobody has told how much memory this server may use."
        if self.used is None:
            return f"Your server may use {self.limit / _GIB:.1f} GiB of memory."
        return (
            f"Your server uses {self.used / _GIB:.1f} of {self.limit / _GIB:.1f} GiB of memory "
            f"({100 * self.used / self.limit:.0f} %)."
        )


def server_memory(environ: Mapping[str, str] = os.environ) -> ServerMemory:
    """Return the memory of this server, by its control group: all kernels and terminals together.

    Files that the system keeps in memory while there is room for them are left out.
    """
    try:
        limit = int(environ.get("MEM_LIMIT", ""))
    except ValueError:
        return ServerMemory(None, None)
    group = find_memory_group(limit)
    return ServerMemory(group.measure() if group else None, limit)

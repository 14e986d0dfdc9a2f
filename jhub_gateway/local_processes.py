"""Finding and ending all processes of one server, kernels and terminals too.

Kernels and terminals have sessions of their own, so the server's process group doesn't hold them.
What they do hold is the server's environment, with the id of its start in it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

SPAWN_ID = "JHUB_GATEWAY_SPAWN_ID"
_PAUSE = 0.05  # seconds


def has_spawn_id(pid: int, spawn_id: str) -> bool:
    """Return whether the process was started by that start of a server, directly or not.

    A process that is gone, has ended, or belongs to another account was not.
    """
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{SPAWN_ID}={spawn_id}".encode() in environment.split(b"\0")


def find_processes(spawn_id: str) -> set[int]:
    """Return the ids of all processes of that start of a server.

    A process that was given an empty environment escapes; a control group has that one too.
    """
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return {pid for pid in pids if has_spawn_id(pid, spawn_id)}


async def kill_all(find: Callable[[], set[int]], patience: float) -> set[int]:
    """Send SIGKILL to what ``find`` returns until it returns nothing, for ``patience`` seconds.

    Returns the ids of processes that are still there.
    """
    deadline = time.monotonic() + patience
    while pids := find():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return pids
        await asyncio.sleep(_PAUSE)
    return set()

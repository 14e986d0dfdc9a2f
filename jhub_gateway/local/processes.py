"""Finding and ending all processes of one server, kernels and terminals too.

Kernels and terminals have sessions of their own, so the server's process group doesn't hold them.
What they do hold is the server's environment, with the id of its start in it.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from jupyterhub.utils import exponential_backoff

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

    def is_done() -> bool:
        for pid in find():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not find()

    return set() if await wait_until(is_done, patience) else find()


async def wait_until(is_done: Callable[[], bool], patience: float) -> bool:
    """Ask ``is_done`` until it is, for ``patience`` seconds; return whether it was."""
    try:
        await exponential_backoff(is_done, "", start_wait=_PAUSE, timeout=patience)
    except TimeoutError:
        return False
    return True

"""The cluster's programs as background processes that outlive the command that started them.

A process belongs to the cluster if it was called by its path in this checkout's `.cluster/bin`.
There are no pid files: nothing can be stale, a recycled pid is never taken for ours, and what
runs is found even after somebody removed `.cluster`.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .errors import ClusterError
from .paths import BIN, LOGS, STATE

COMMANDS = STATE / "commands"
"""The arguments that each program was started with."""


def start(name: str, *args: str | Path) -> int:
    """Start `.cluster/bin/<name>` in a session of its own, with a log of its own; its pid."""
    get_log_path(name).unlink(missing_ok=True)
    COMMANDS.mkdir(parents=True, exist_ok=True)
    (COMMANDS / name).write_text(json.dumps([str(arg) for arg in args]))
    return start_again(name)


def start_again(name: str) -> int:
    """Start a program that was stopped, with the arguments and the log of before; its pid."""
    command = COMMANDS / name
    if not command.exists():
        raise ClusterError(f"{name} was never started here: bring the cluster up first.")
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(get_log_path(name), "ab") as log:
        child = subprocess.Popen(
            [str(BIN / name), *json.loads(command.read_text())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    return child.pid


def run(log: str, argv: list[str | Path], env: dict[str, str] | None = None) -> None:
    """Run a program to its end, with all of its output added to `log`.

    Raises ClusterError with the last lines of that log if it fails or isn't there.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    command = [str(arg) for arg in argv]
    with open(get_log_path(log), "ab") as output:
        try:
            done = subprocess.run(
                command, env={**os.environ, **(env or {})}, stdout=output, stderr=output
            )
        except FileNotFoundError as error:
            raise ClusterError(f"{command[0]} is not installed.") from error
    if done.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed.\n{get_last_lines(log)}")


def get_pid(name: str) -> int | None:
    """The pid of the running program called `name`, or None."""
    return next(iter(get_pids(name)), None)


def get_pids(name: str) -> list[int]:
    """Every process that was called as `.cluster/bin/<name>`: more than one only after a crash."""
    path = str(BIN / name).encode()
    return [pid for pid in _list_pids() if _get_called_path(pid) == path]


def stop(name: str, seconds: float = 2) -> None:
    """Stop the program called `name`: politely, and after `seconds` by force."""
    for pid in get_pids(name):
        _send(pid, signal.SIGTERM)
    if not _wait_for_end(name, seconds):
        kill(name)


def kill(name: str) -> None:
    """End the program called `name` by force, as a crash does."""
    for pid in get_pids(name):
        _send(pid, signal.SIGKILL)
    _wait_for_end(name, 5)


def wait_until(
    what: str, is_ready: Callable[[], bool], *, needs: list[str], seconds: float
) -> None:
    """Wait until `is_ready`; the first of `needs` to end, or the first at time-out, is blamed.

    Raises ClusterError with the last lines of that program's log.
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        ended = [name for name in needs if get_pid(name) is None]
        if ended:
            raise ClusterError(f"{ended[0]} ended before {what}.\n{get_last_lines(ended[0])}")
        if time.monotonic() > deadline:
            raise ClusterError(
                f"It took more than {seconds:.0f} s until {what}.\n{get_last_lines(needs[0])}"
            )
        time.sleep(0.1)


def get_log_path(name: str) -> Path:
    """The file with the output of the program called `name`."""
    return LOGS / f"{name}.log"


def get_last_lines(name: str, count: int = 15) -> str:
    """The end of a program's log, under a line that says where the rest is."""
    path = get_log_path(name)
    try:
        lines = path.read_text(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join([f"The last lines of {path}:", *(f"  {line[:400]}" for line in lines)])


def get_boot_id() -> str:
    """What tells one boot of this machine from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _list_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _get_called_path(pid: int) -> bytes:
    """The first word of a process's command line; empty if it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return b""


def _wait_for_end(name: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while get_pid(name) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ClusterError(
            "Another user started this cluster: run the command as that user (or as root)."
        ) from error

"""The cluster's programs as background processes that outlive the command that started them.

A process is recorded with its start time and the machine's boot: a pid that the system gave
to somebody else in the meantime is never taken for ours.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .errors import ClusterError
from .paths import LOGS, STATE

PIDS = STATE / "pids"


def start(name: str, argv: list[str | Path], env: dict[str, str] | None = None) -> int:
    """Start a program in a session of its own, its output in the log of `name`; its pid."""
    LOGS.mkdir(parents=True, exist_ok=True)
    PIDS.mkdir(parents=True, exist_ok=True)
    with open(get_log_path(name), "wb") as log:
        child = subprocess.Popen(
            [str(arg) for arg in argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd="/",
            start_new_session=True,
        )
    record = {"pid": child.pid, "started": get_start_time(child.pid), "boot": get_boot_id()}
    (PIDS / f"{name}.json").write_text(json.dumps(record))
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
    try:
        record = json.loads((PIDS / f"{name}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if record["boot"] != get_boot_id() or record["started"] is None:
        return None
    return record["pid"] if get_start_time(record["pid"]) == record["started"] else None


def stop(name: str, seconds: float = 2) -> None:
    """Stop the program called `name`: politely, and after `seconds` by force."""
    pid = get_pid(name)
    if pid is not None:
        _send(pid, signal.SIGTERM)
        if not _wait_for_end(name, seconds):
            _send(pid, signal.SIGKILL)
            _wait_for_end(name, 5)
    (PIDS / f"{name}.json").unlink(missing_ok=True)


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


def get_start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name, in brackets, may itself hold spaces and brackets.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def get_boot_id() -> str:
    """What tells one boot of this machine from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


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

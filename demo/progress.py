"""What a person sees while the demo installs and starts."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.errors import DemoError


def say(message: str) -> None:
    """Show one line now."""
    print(message, flush=True)


def run_step(
    title: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    failure: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command with its output in ``log``, and show that something goes on.

    Raises DemoError, with the sentence ``failure`` and where the log is, when it fails.
    """
    print(f"{title} ...", end="", flush=True)
    started = time.monotonic()
    code = _run(command, log, cwd, env, started)
    print(f" {'done' if code == 0 else 'failed'} ({time.monotonic() - started:.0f} s)", flush=True)
    if code:
        raise DemoError(f"{failure} (what it said: {os.path.relpath(log)}).")


def _run(
    command: Sequence[str | Path],
    log: Path,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    started: float,
) -> int:
    with (
        log.open("w") as output,
        subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        return _wait(process, started)


def _wait(process: "subprocess.Popen[bytes]", started: float) -> int:
    """Return the exit code; meanwhile show a dot for each five seconds."""
    dots = 0
    while True:
        try:
            return process.wait(timeout=started + 5 * (dots + 1) - time.monotonic())
        except subprocess.TimeoutExpired:
            dots += 1
            sys.stdout.write(".")
            sys.stdout.flush()

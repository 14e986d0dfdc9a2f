"""What the demo runs: each process with a log of its own, and none left when the demo ends."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo.errors import DemoError
from demo.paths import LOGS, make_private_directory

STOP_SECONDS = 40
_PAUSE = 0.2  # seconds


@dataclass
class Processes:
    """The running processes by name. They end in the reverse order of their start."""

    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        text: str = "",
    ) -> None:
        """Start a process with ``text`` as its input, and its output in the log ``name``."""
        with get_log(name).open("w") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the demo alone, which then ends them in order.
                start_new_session=True,
            )
        self.running[name] = process
        # One that ends at once has no use for its input; check_running says so.
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(text.encode())

    def wait_until(self, is_ready: Callable[[], bool], name: str, seconds: float) -> None:
        """Return once ``is_ready()``. Raises DemoError if that takes longer, or one ends."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check_running()
            if time.monotonic() > deadline:
                raise DemoError(f"the {name} is not ready after {seconds:.0f} s{_quote(name)}")
            time.sleep(_PAUSE)

    def watch(self) -> None:
        """Wait for ever. Raises DemoError when one of the processes ends."""
        while True:
            self.check_running()
            time.sleep(_PAUSE)

    def check_running(self) -> None:
        """Raise DemoError, with the end of its log, if one of the processes has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DemoError(f"the {name} has ended{_quote(name)}")

    def stop(self) -> None:
        """End all: each is asked to, and killed with its children if it does not."""
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def get_log(name: str) -> Path:
    """Return where the output of a process goes."""
    return make_private_directory(LOGS) / f"{name.replace(' ', '-')}.log"


def _quote(name: str) -> str:
    log = get_log(name)
    end = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
    return f"; the end of {os.path.relpath(log)}:\n  {end}"

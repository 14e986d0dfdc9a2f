"""A module of this package as a process of its own, so that its work is not the benchmark's."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STOP_SECONDS = 5


@contextmanager
def run_module(
    name: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run ``benchmarks.storm.<name>`` until the end; gives the first line that it prints.

    Raises RuntimeError if it ends without one.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.storm.{name}", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise RuntimeError(f"benchmarks.storm.{name} ended as it began")
        yield line
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

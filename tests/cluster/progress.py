"""Progress for people, on stderr: stdout carries only the kubeconfig's path."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """Show one line of progress."""
    print(f"cluster: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Show `message` now and how many seconds it took afterwards."""
    say(f"{message} ...")
    started = time.monotonic()
    yield
    say(f"{message}: {time.monotonic() - started:.1f} s")

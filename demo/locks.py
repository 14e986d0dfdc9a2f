"""One process at a time, where two demos or parallel tests would install into one folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemoError


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, which is made when it is missing; wait while another does."""
    with path.open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


@contextmanager
def only_one_run(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` while the demo runs. Raises DemoError when another does."""
    with path.open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                "the demo already runs from this folder: end it there with Ctrl-C first."
            ) from None
        yield

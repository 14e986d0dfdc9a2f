"""The cache folder: what is slow to make and the same for every checkout of the project."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import step


def get_cache_dir() -> Path:
    """The folder, which may be removed at any time when no command runs."""
    if chosen := os.environ.get("JHUB_GATEWAY_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jhub-gateway"


def provide(name: str, message: str, make: Callable[[Path], None]) -> Path:
    """The file or folder `name` of the cache; if it is missing, `make` gets a path to make it at.

    What is made gets its name at the end, so that nothing half-made is ever taken for whole.
    """
    target = get_cache_dir() / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with step(message), make_scratch_dir() as scratch:
            unfinished = scratch / target.name
            make(unfinished)
            unfinished.rename(target)
    return target


@contextmanager
def make_scratch_dir() -> Iterator[Path]:
    """A folder in the cache for one job, removed afterwards; so are those of jobs that crashed."""
    scratch = get_cache_dir() / "scratch"
    for left in scratch.glob("*"):
        if not Path("/proc", left.name.partition(".")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = scratch / f"{os.getpid()}.{len(list(scratch.glob('*')))}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""What is on the share before the measured starts. Made there directly, as user pods' uid."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.storage import OWNER

DIRECTORIES = 2_000
FILES_EACH = 100


def make_home(share: Path, name: str) -> Path:
    """Make an empty home: KubeSpawner leaves that to the kubelet, which would make it root's."""
    home = share / "homes" / name
    home.mkdir(mode=0o700)
    os.chown(home, OWNER, OWNER)
    return home


def fill_home(home: Path) -> None:
    """Put 200,000 small files into the home."""
    for path in _list_directories(home):
        path.mkdir(parents=True)
        for number in range(FILES_EACH):
            descriptor = os.open(path / f"{number:03}.txt", os.O_CREAT | os.O_WRONLY, 0o600)
            os.write(descriptor, b"x")
            os.fchown(descriptor, OWNER, OWNER)
            os.close(descriptor)
        os.chown(path, OWNER, OWNER)
    os.chown(home / "many", OWNER, OWNER)


def _list_directories(home: Path) -> Iterator[Path]:
    return (home / "many" / f"{number:04}" for number in range(DIRECTORIES))


def forget_jupyter(home: Path) -> None:
    """Remove what Jupyter wrote at earlier starts: making it anew is part of every measured one."""
    for name in (".cache", ".ipython", ".jupyter", ".local"):
        shutil.rmtree(home / name, ignore_errors=True)


def time_chown(home: Path) -> float:
    """Seconds of one recursive chown of the home: what a start does not do, on this machine."""
    started = time.monotonic()
    for directory, _, names in os.walk(home):
        for name in (".", *names):
            os.chown(os.path.join(directory, name), OWNER, OWNER, follow_symlinks=False)
    return time.monotonic() - started


def add_data(share: Path) -> None:
    """Put a dataset and a tutorial on the share; the group's folder is made by the first start."""
    for path in ("datasets/survey/stars.csv", "tutorials/first-1/read-me.md"):
        file = share / path
        file.parent.mkdir()
        file.write_text("name,mass\n")
        for place in (file, file.parent):
            os.chown(place, OWNER, OWNER)

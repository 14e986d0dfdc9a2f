"""What a user sees of the shared data where nothing can be mounted for them: links to it."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

VIEWS = "views"


def make_view(view: Path, links: Mapping[str, Path]) -> None:
    """Make the directory ``view`` hold these links, ``folder/name`` to path, and no others.

    The owner's own link to ``view`` stays as it is when the next start shows other data. Files
    and folders stay: the owner, who sees it in their home, may have saved them here.
    """
    view.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(view):
        for folder in view.iterdir():
            if folder.is_dir() and not folder.is_symlink():
                _remove_others(folder, links)
        for name, target in links.items():
            _make_link(view / name, target)


def _remove_others(folder: Path, links: Mapping[str, Path]) -> None:
    for old in folder.iterdir():
        if old.is_symlink() and f"{folder.name}/{old.name}" not in links:
            old.unlink()
    with suppress(OSError):  # something is in it
        folder.rmdir()


def _make_link(link: Path, target: Path) -> None:
    if link.is_symlink() and os.readlink(link) != str(target):
        link.unlink()
    link.parent.mkdir(mode=0o700, exist_ok=True)
    if not os.path.lexists(link):
        link.symlink_to(target)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep the user's other servers, which may start at once, from the directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""What a user sees of the shared data where nothing can be mounted for them: links to it."""

import os
from collections.abc import Mapping
from pathlib import Path

VIEWS = "views"


def make_view(view: Path, links: Mapping[str, Path]) -> None:
    """Make the directory ``view`` hold these links, ``folder/name`` to path, and nothing else.

    The owner's own link to ``view`` stays as it is when the next start shows other data.
    """
    folders = {"", *(link.split("/")[0] for link in links)}
    for name in folders:
        (view / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in view.iterdir():
        for old in folder.iterdir():
            if f"{folder.name}/{old.name}" not in links:
                old.unlink()
        if folder.name not in folders:
            folder.rmdir()
    for name, target in links.items():
        link = view / name
        if not link.is_symlink() or os.readlink(link) != str(target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)

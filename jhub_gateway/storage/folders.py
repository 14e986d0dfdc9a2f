"""Before each start: the groups' folders and the data sets that the user's server mounts.

kubelet would make a missing one as root's, where nobody can write, or which stays empty.
"""

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jhub_gateway.errors import StartRefused
from jhub_gateway.policy.layout import DATASETS, GROUPS, USAGE
from jhub_gateway.storage import files
from jhub_gateway.storage.problems import NO_FOLDER, NOT_READY, UNSAFE, describe, make_refusal

_SHARED_MODE = 0o2770  # setgid: what a member makes is the group's too
_NEEDED = 0o2070


def prepare_folders(root: Path, folders: Iterable[str], datasets: Iterable[str]) -> None:
    """Make the missing folders of ``groups/``, and check that the data sets are there.

    ``datasets`` are sub-paths of ``datasets/``. Raises StartRefused.
    """
    try:
        for folder in folders:
            _check_inside(folder, is_nested=False)
            _make_folder(root / GROUPS / folder)
        for dataset in datasets:
            _check_inside(dataset, is_nested=True)
            _check_dataset(root / DATASETS, dataset)
    except OSError as error:
        raise make_refusal(root, error) from error


def _check_inside(path: str, is_nested: bool) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise StartRefused(NOT_READY, f"{path!r} is no path below the share's folder")
    if len(parts) > 1 and not is_nested:
        raise StartRefused(NOT_READY, f"{path!r}: a group's folder is one name without a slash")


def _make_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        os.mkdir(folder, 0o770)
    if folder.is_symlink() or not folder.is_dir():
        raise StartRefused(UNSAFE, f"{folder} is no directory: move it away, or put one there")
    found = folder.stat()
    # Its maker may have been killed before this; the mode of somebody else's is their own affair.
    if ~found.st_mode & _NEEDED and found.st_uid == os.geteuid():
        os.chmod(folder, stat.S_IMODE(found.st_mode) | _SHARED_MODE)


def _check_dataset(datasets: Path, sub_path: str) -> None:
    path = datasets / sub_path
    if not path.is_dir():
        raise StartRefused(
            NO_FOLDER,
            f"the data set {path} is missing or no directory ({describe(path)}): put it there, or "
            "take it out of the spawner's datasets",
        )
    if datasets.resolve() not in path.resolve().parents:
        raise StartRefused(UNSAFE, f"the data set {path} is a link out of {datasets}")
    _ask_for_measure(datasets.parent / USAGE / DATASETS / sub_path)


def _ask_for_measure(usage: Path) -> None:
    """Make the directory by which the next measure knows a data set that is not at the top."""
    try:
        files.make_readable_directory(usage)
    except OSError as error:
        print(f"{usage} could not be made: {error}", file=sys.stderr)

"""The version of the share's layout: found, checked, and brought up to date in numbered steps."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from jhub_gateway.errors import StartRefused
from jhub_gateway.policy.layout import (
    BACKUPS,
    DATASETS,
    GROUPS,
    HOMES,
    LAYOUT,
    MARKER,
    NAMES,
    OWNERS,
    TUTORIALS,
    USAGE,
)
from jhub_gateway.storage import files
from jhub_gateway.storage.adoption import adopt_homes
from jhub_gateway.storage.problems import NOT_READY, StorageError, can_use, describe_denied

SHARED_MODE = 0o2770
_PRIVATE_MODE = 0o700
_PASSABLE_MODE = 0o711  # for systemd's users, whose way to their own home leads through it

# A share whose marker says this layout has all of these, or it is not the volume that it was.
_VITAL = (HOMES, OWNERS)
_FOLDERS = {
    HOMES: _PASSABLE_MODE,
    OWNERS: _PRIVATE_MODE,
    NAMES: _PRIVATE_MODE,
    GROUPS: SHARED_MODE,
    DATASETS: SHARED_MODE,
    TUTORIALS: SHARED_MODE,
    USAGE: _PASSABLE_MODE,
    f"{USAGE}/{HOMES}": _PASSABLE_MODE,
    f"{USAGE}/{DATASETS}": _PASSABLE_MODE,
}


def read_layout(root: Path) -> int:
    """Return the version of the share's layout: 0 for an empty directory, 1 for homes alone.

    Raises StorageError for a marker that can't be read, and for a directory that is no share.
    """
    marker = root / MARKER
    try:
        text = files.read_text(marker)
        return _guess_layout(root) if text is None else _parse_marker(marker, text)
    except PermissionError as error:
        raise StorageError(describe_denied(root, error)) from None
    except OSError as error:
        raise StorageError(f"{root}: {error.strerror}") from None


def check_layout(root: Path) -> None:
    """Raise StartRefused unless the share has this release's layout."""
    try:
        found = read_layout(root)
    except StorageError as problem:
        raise StartRefused(NOT_READY, str(problem)) from None
    if found > LAYOUT:
        raise StartRefused(NOT_READY, _describe_newer(root, found))
    if found < LAYOUT and not can_use(root):
        raise StartRefused(NOT_READY, describe_denied(root))
    if found < LAYOUT:
        state = "is not prepared" if found == 0 else f"has layout {found}, this needs {LAYOUT}"
        raise StartRefused(
            NOT_READY,
            f"the shared volume {root} {state}: run `jhub-gateway storage init {root}` "
            "(kubectl apply --filename helm-values/manifests/beside-chart/storage-init.yaml)",
        )


def init_share(root: Path, dry_run: bool = False, root_mode: int | None = SHARED_MODE) -> list[str]:
    """Bring the share to this release's layout; return a sentence for each thing that was done.

    With ``dry_run``, for each that would be. Data is never touched, and repeating is safe.
    ``root_mode`` is for the share's root, None to leave it: with the default kubelet's ``fsGroup``
    finds nothing to change. Raises StorageError.
    """
    found = read_layout(root)
    if found > LAYOUT:
        raise StorageError(_describe_newer(root, found))
    if not can_use(root):
        raise StorageError(describe_denied(root))
    try:
        return list(_init(root, found, dry_run, root_mode)) or [
            f"{root} has layout {LAYOUT} already; nothing to do"
        ]
    except OSError as error:
        raise StorageError(f"{root}: {error}; nothing is lost: run this again") from error


def _init(root: Path, found: int, dry_run: bool, root_mode: int | None) -> Iterator[str]:
    if found == LAYOUT:
        _check_vital(root)
    if root_mode is not None:
        yield from _set_mode(root, root_mode, dry_run)
    for number in range(found + 1, LAYOUT + 1):
        for sentence in _STEPS[number](root, dry_run):
            yield f"step {number}: {sentence}"
    if found == LAYOUT:
        yield from _make_folders(root, dry_run)
        return
    if not dry_run:
        files.replace(root / MARKER, json.dumps({"layout": LAYOUT}) + "\n")
    yield f"marked {root} as layout {LAYOUT}"


def _make_homes_folder(root: Path, dry_run: bool) -> Iterator[str]:
    yield from _make_folder(root, HOMES, dry_run)


def _give_homes_owners(root: Path, dry_run: bool) -> Iterator[str]:
    yield from _make_folders(root, dry_run)
    yield from adopt_homes(root, dry_run)


# What brings a share from the layout before to this number.
_STEPS: dict[int, Callable[[Path, bool], Iterator[str]]] = {
    1: _make_homes_folder,
    2: _give_homes_owners,
}


def _make_folders(root: Path, dry_run: bool) -> Iterator[str]:
    for name in _FOLDERS:
        if name != HOMES:
            yield from _make_folder(root, name, dry_run)


def _make_folder(root: Path, name: str, dry_run: bool) -> Iterator[str]:
    path = root / name
    if path.is_dir():
        return
    if not dry_run:
        os.mkdir(path, _FOLDERS[name])
        os.chmod(path, _FOLDERS[name])  # mkdir heeds the umask and the root's setgid bit
    yield f"made {name}/"


def _set_mode(root: Path, mode: int, dry_run: bool) -> Iterator[str]:
    found = root.stat()
    if stat.S_IMODE(found.st_mode) == mode:
        return
    if found.st_uid != os.geteuid():
        yield (
            f"left the mode of {root}, which belongs to uid {found.st_uid}: with fsGroup each "
            "start may look at every file; set singleuser.fsGid to the group of the volume's root"
        )
        return
    if not dry_run:
        os.chmod(root, mode)
    yield f"set the mode of {root} to {mode:o}"


def _check_vital(root: Path) -> None:
    missing = [name for name in _VITAL if not (root / name).is_dir()]
    if missing:
        raise StorageError(
            f"{root} is marked as layout {LAYOUT} but has no {' and no '.join(missing)}: is the "
            "whole volume mounted there? Bring the directory back; an empty one is not made"
        )


def _guess_layout(root: Path) -> int:
    entries = set(os.listdir(root))
    strange = {one for one in entries - {*_FOLDERS, BACKUPS} if not _is_of_file_system(one)}
    # Without a home there is nothing to migrate: init may have been killed before its marker.
    if HOMES in entries and (strange or os.listdir(root / HOMES)):
        return 1
    if strange:
        raise StorageError(
            f"{root} holds {sorted(strange)[0]!r} and no {HOMES}/, so it is no share of "
            "jhub-gateway: give an empty directory"
        )
    return 0


def _is_of_file_system(name: str) -> bool:
    """Whether storage puts it there itself, such as ``.snapshot``."""
    return name.startswith(".") or name == "lost+found"


def _parse_marker(marker: Path, text: str) -> int:
    try:
        layout = json.loads(text)["layout"]
    except (ValueError, TypeError, KeyError):
        layout = None
    if type(layout) is not int or layout < LAYOUT:
        raise StorageError(
            f"{marker} is broken: it must hold a layout from {LAYOUT} on, as in "
            f'{{"layout": {LAYOUT}}}; restore it from a snapshot'
        )
    return layout


def _describe_newer(root: Path, found: int) -> str:
    return (
        f"the shared volume {root} has layout {found}, made by a newer release of jhub-gateway "
        f"than this one, which knows layout {LAYOUT} and never goes back: run the newer release"
    )

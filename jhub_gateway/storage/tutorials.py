"""Give a home the gateway's tutorials, each release once, and the links that lead to its data.

Runs as the user, who may do in the home what they like, also while this runs. Nothing that is
there is written over. It starts with each server: what the standard library takes long to import
is left until it is needed.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from jhub_gateway.policy.layout import TUTORIALS

GIVEN = ".jhub-gateway/tutorials"  # in the home: an empty file for each release that came
SHIPPED = Path(__file__).parents[1] / "tutorials"  # releases that come with this package

_PARTIAL = ".partial"
_ABANDONED = 3600.0  # seconds; no copy takes that long
_CHUNK = 256 * 1024  # bytes


def fill_home(
    home: Path, tutorials: Path, releases: Iterable[str], links: Mapping[str, str]
) -> list[str]:
    """Copy the releases that the home has never had, and make its links; return log messages.

    ``releases`` are directories of ``tutorials``, or else of what comes with this package. A
    release that the user deleted doesn't come back; one that is there already is left as it is.
    ``links`` gives each link's name in the home and its target. Full disks, missing releases and
    files in the way are messages, and tried again at the next call. Raises ValueError for a name
    that isn't one path component.
    """
    releases = list(releases)
    for name in (*releases, *links):
        _check_name(name)
    _remove_abandoned(home / TUTORIALS)
    messages = []
    for release in releases:
        messages += _give(home, tutorials, release)
    for name, target in links.items():
        messages += _link(home / name, target)
    return messages


def _check_name(name: str) -> None:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not the name of one file or directory")
    os.fsencode(name)  # a ValueError for what no file system can hold


def _find_source(tutorials: Path, release: str) -> Path:
    on_share = tutorials / release
    return on_share if on_share.is_dir() else SHIPPED / release


def _give(home: Path, tutorials: Path, release: str) -> list[str]:
    given, target = home / GIVEN / release, home / TUTORIALS / release
    if os.path.lexists(given):
        return []
    messages = []
    try:
        source, is_there = _find_source(tutorials, release), os.path.lexists(target)
        if not is_there and not source.is_dir():
            return [
                f"There is no tutorial {release!r}, neither on the share nor in the image that "
                "prepares homes: nothing was copied."
            ]
        # Before the copy: without a record it would come back after its user deleted it.
        for directory in (given.parent.parent, given.parent):
            directory.mkdir(exist_ok=True)  # and never the home itself
        if not is_there:
            messages += _copy_release(source, target)
        given.touch()
    except OSError as error:
        messages.append(
            f"Giving the tutorial {release!r} failed; the next start tries again:"
            f" {_describe(error)}."
        )
    return messages


def _describe(error: OSError) -> str:
    text = error.strerror or type(error).__name__
    return f"{text}: {os.fspath(error.filename)!r}" if error.filename else text


# Copying


def _copy_release(source: Path, target: Path) -> list[str]:
    """Copy the release under a name of this process's own, so that half a copy is never used.

    A server of the same user that starts at the same time does the same. The first to finish
    wins, and this is no failure of the other.
    """
    target.parent.mkdir(exist_ok=True)
    partial = target.parent / _make_partial_name(target.name)
    try:
        messages = _copy_tree(os.fspath(source), os.fspath(partial))
        partial.rename(target)
    except OSError:
        if os.path.lexists(target):
            return []
        raise
    finally:
        _remove_tree(partial)
    return [f"Copied the tutorial {target.name!r} into the home.", *messages]


def _copy_tree(source: str, target: str) -> list[str]:
    messages: list[str] = []
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        os.mkdir(os.path.join(target, directory), 0o755)
        with os.scandir(os.path.join(source, directory)) as entries:
            for entry in entries:
                path = os.path.join(directory, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif reason := _copy_entry(entry, os.path.join(target, path), path.count("/")):
                    messages.append(f"{path!r} of {source!r} was left out: {reason}.")
    return messages


def _copy_entry(entry: os.DirEntry[str], target: str, depth: int) -> str:
    """Copy what is no directory, ``depth`` directories below the release; or return why not."""
    if entry.is_symlink():
        link = os.readlink(entry.path)
        if not is_link_inside(link, depth):
            return f"it is a link to {link!r}, which may lie outside"
        os.symlink(link, target)
        return ""
    if not entry.is_file(follow_symlinks=False):
        return "it is neither a file nor a directory nor a link"
    _copy_file(entry.path, target, entry.stat(follow_symlinks=False).st_mode & 0o111)
    return ""


def _copy_file(source: str, target: str, executable: int) -> None:
    def create(path: str, flags: int) -> int:
        return os.open(path, flags, 0o644 | executable)

    with open(source, "rb") as original, open(target, "xb", opener=create) as copy:
        while chunk := original.read(_CHUNK):
            copy.write(chunk)


def is_link_inside(target: str, depth: int) -> bool:
    """Say whether a link, ``depth`` directories below a tree's top, surely stays in that tree.

    It may go up to the top and then only down. A ``..`` further on would go up from wherever
    another link led to.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and up <= depth and ".." not in parts[up:]


# Copies that were never finished


def _make_partial_name(release: str) -> str:
    """Return a name that no other process uses, and that says who made it."""
    host, random = os.uname().nodename, os.urandom(4).hex()
    return f".{release[:40]}~{host}~{os.getpid()}~{random}{_PARTIAL}"


def _remove_abandoned(folder: Path) -> None:
    try:
        names = [name for name in os.listdir(folder) if name.endswith(_PARTIAL)]
    except OSError:
        return  # there is none yet, or a file has its place, which copying tells
    for name in names:
        if _is_abandoned(folder / name):
            _abandon(folder / name)


def _is_abandoned(partial: Path) -> bool:
    """Say whether nobody works on the copy any more.

    A pod of the same name, and in it a process of the same number, is an earlier start of the
    server that starts now. Elsewhere only time tells.
    """
    try:
        _, host, pid, _ = partial.name.rsplit("~", 3)
        if host == os.uname().nodename and not _is_another_process(int(pid)):
            return True
        return time.time() - partial.lstat().st_mtime > _ABANDONED
    except (ValueError, OSError):
        return False  # not one of ours, or gone


def _is_another_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid != os.getpid()


def _abandon(partial: Path) -> None:
    """Remove the copy, by another name: should its maker live after all, it can't finish it."""
    own = partial.with_name(_make_partial_name("removed"))
    try:
        partial.rename(own)
    except OSError:
        return  # another server was faster
    _remove_tree(own)


def _remove_tree(directory: Path) -> None:
    if os.path.lexists(directory):
        import shutil

        shutil.rmtree(directory, ignore_errors=True)


# Links


def _link(place: Path, target: str) -> list[str]:
    """Make the link, or lead one of ours to its new target; never replace anything else."""
    try:
        if _is_made(place, target):
            return []
        if not _is_ours(place, target):
            return [f"{place.name!r} in the home is the user's own: no link to {target!r}."]
        place.unlink(missing_ok=True)
        _is_made(place, target)  # if not, a server that starts at the same time has done it
    except OSError as error:
        return [f"There is no link {place.name!r} in the home: {_describe(error)}."]
    return []


def _is_made(place: Path, target: str) -> bool:
    try:
        place.symlink_to(target)
    except FileExistsError:
        return place.is_symlink() and os.readlink(place) == target
    return True


def _is_ours(place: Path, target: str) -> bool:
    """Say whether it is a link that leads to what ours is called, wherever that was before."""
    return place.is_symlink() and PurePath(os.readlink(place)).name == PurePath(target).name

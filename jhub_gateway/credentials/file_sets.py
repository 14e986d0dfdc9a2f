"""A set of files in a directory of the hub's own, replaced so that readers never meet half of it.

No symbolic link is followed below the directory that the functions are given.
"""

import fcntl
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_ENTER_BY_READERS = 2  # 0o444 becomes 0o111
_NAME = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]*")
# Readers take the second's word for the first, and the third's for all.
_LAST = ("expires_at", "credentials.json")


def make_root(path: Path) -> None:
    """Make the directory, which only this account can enter.

    Raises PermissionError where others could have put something into it.
    """
    os.makedirs(path, mode=0o700, exist_ok=True)
    status = _check_owned(path)
    if status.st_mode & 0o022:
        raise PermissionError(f"{path}: others can write there: chmod 700 it, or name another")
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)


def lock(path: Path) -> IO[str]:
    """Wait for the lock, and return the locked file, made if it isn't there.

    It is unlocked when it is closed, also by the end of the process.
    """
    while True:
        file = _open_lock(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(file, path):
            return file
        file.close()  # It was removed by whoever had the lock.


def try_lock(path: Path) -> IO[str] | None:
    """Return the locked file, as :func:`lock`, or None if another has it."""
    while True:
        file = _open_lock(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if _is_at(file, path):
            return file
        file.close()


def _open_lock(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def read_files(path: Path) -> dict[str, bytes] | None:
    """Return contents by name, or None if there is no such directory."""
    if not os.path.lexists(path):
        return None
    _check_owned(path)
    names = sorted(entry.name for entry in os.scandir(path) if _NAME.fullmatch(entry.name))
    contents = ((name, _read(path / name)) for name in names)
    return {name: content for name, content in contents if content is not None}


def write_files(path: Path, files: Mapping[str, bytes], mode: int) -> bool:
    """Make the directory hold just these files, of this mode; return whether anything changed.

    Nothing is touched before there is space for all; what is named last goes last.
    """
    for name in files:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a file")
    _make_directory(path, mode | (mode & 0o444) >> _ENTER_BY_READERS)
    changed = [name for name in files if not _is_same(path / name, files[name], mode)]
    _replace(path, {name: files[name] for name in sorted(changed, key=_get_place)}, mode)
    gone = [entry.path for entry in os.scandir(path) if entry.name not in files]
    for each in gone:
        os.unlink(each)
    return bool(changed or gone)


def _replace(path: Path, files: Mapping[str, bytes], mode: int) -> None:
    partials: dict[str, Path] = {}
    try:
        for name, content in files.items():
            partials[name] = path / f".{name}.{os.urandom(4).hex()}"
            _write(partials[name], content, mode)
        for name, partial in partials.items():
            os.replace(partial, path / name)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)  # Some file systems tell only now that they are full.


def _make_directory(path: Path, mode: int) -> None:
    if not os.path.lexists(path):
        os.mkdir(path, 0o700)
    if stat.S_IMODE(_check_owned(path).st_mode) != mode:
        os.chmod(path, mode)


def _check_owned(path: Path) -> os.stat_result:
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{path} is no directory")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to the account {status.st_uid}")
    return status


def _read(path: Path) -> bytes | None:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read()


def _is_same(path: Path, content: bytes, mode: int) -> bool:
    if not os.path.lexists(path) or stat.S_IMODE(os.lstat(path).st_mode) != mode:
        return False
    return _read(path) == content


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def _get_place(name: str) -> int:
    return _LAST.index(name) if name in _LAST else -1

"""Small files that are there whole or not at all, whoever is killed at whatever moment."""

import errno
import os
from pathlib import Path

_READABLE = 0o755
PARTIAL = ".part"  # how a file's name ends while it is written

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)


def read_text(path: Path) -> str | None:
    """Return what the file holds, or None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_new(path: Path, text: str) -> bool:
    """Write the file unless there is one; return whether this call did.

    Of several callers at once, on any node, one writes.
    """
    partial = _write_partial(path, text)
    try:
        os.link(partial, path)
    except FileExistsError:
        # NFS repeats a request whose answer was lost, and then says that of our own link.
        return os.stat(partial).st_nlink == 2
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _write_exclusively(path, text)
    finally:
        os.unlink(partial)
        sync_directory(path.parent)
    return True


def replace(path: Path, text: str, mode: int | None = None) -> None:
    """Write the file in the place of the one that may be there.

    ``mode`` is the file's whatever the umask; the default is open to owner and group.
    """
    partial = _write_partial(path, text)
    try:
        if mode is not None:
            os.chmod(partial, mode)
        os.replace(partial, path)
    except OSError:
        os.unlink(partial)
        raise
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove the file if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_directory(path.parent)


def make_readable_directory(path: Path) -> None:
    """Make the directory, which all may read whatever the umask, unless it is there."""
    if not path.is_dir():
        os.makedirs(path, exist_ok=True)
        os.chmod(path, _READABLE)


def sync_directory(path: Path) -> None:
    """Let the names in the directory outlast a power cut before what comes next is done."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _write_partial(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}{PARTIAL}")
    try:
        _write_exclusively(partial, text)
    except OSError:
        if os.path.lexists(partial):
            os.unlink(partial)
        raise
    return partial


def _write_exclusively(path: Path, text: str) -> bool:
    """For file systems without hard links too, where a kill may leave the file empty."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
    except FileExistsError:
        return False
    try:
        if os.write(descriptor, data := text.encode()) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True

"""What can be wrong with the share: a sentence for the user, a cause for the operator."""

import errno
import os
import stat
from pathlib import Path

from jhub_gateway.errors import GatewayError, StartRefused

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)

UNKNOWN = "Your home can't be opened just now. Ask the gateway's support to look at it."
UNSAFE = "Your home directory can't be opened safely. Ask the gateway's support to look at it."
NOT_READY = (
    "The gateway's storage is not ready for your server. Tell the gateway's support, and try again "
    "when they say that it is."
)
FULL = (
    "The gateway's storage is full, so your home could not be prepared. Tell the gateway's "
    "support, and try again when they have made room."
)
OTHER_OWNER = (
    "The home directory for your login belongs to somebody else, so it was not opened. Ask the "
    "gateway's support to find out whose it is."
)
NAME_IN_USE = (
    "There is a home directory of your user name, but it was made with another login than yours. "
    "Ask the gateway's support whether it is yours; nothing in it has changed."
)
NO_OWNER = (
    "There is a home directory for your login, but no note whose it is, so it was not opened. Ask "
    "the gateway's support to give it to you; nothing in it has changed."
)
LOST = (
    "Your home directory is not where it was, and you were not given an empty one in its place. "
    "Ask the gateway's support to look for it."
)
NOT_WRITABLE = (
    "Your server may not write to your home directory, so it was not started. Ask the gateway's "
    "support to give it back to you."
)
MOVING = (
    "Your home directory is being moved to another login. Wait a minute and start your server "
    "again; if this stays, tell the gateway's support."
)
NO_FOLDER = (
    "A shared folder or data set of yours is not there, so your server was not started. Tell the "
    "gateway's support."
)


class StorageError(GatewayError):
    """The share is not as it should be. The message is for the operator: what to do next."""


def is_full(error: OSError) -> bool:
    """Whether the disk is full, or a quota on it."""
    return error.errno in _FULL


def is_denied(error: OSError) -> bool:
    """Whether this account may not do it, or nobody may."""
    return error.errno in _DENIED


def make_refusal(root: Path, error: OSError) -> StartRefused:
    """Return what the user is told when the share answers with ``error``."""
    if is_full(error):
        return StartRefused(FULL, f"{root}: {error}; add space, or see `storage list {root}`")
    if is_denied(error):
        return StartRefused(NOT_READY, describe_denied(root, error))
    return StartRefused(UNKNOWN, f"{type(error).__name__}: {error}")


def describe_denied(root: Path, error: OSError | None = None) -> str:
    """Return why this account can't write to the share, and who has to change what."""
    place = root
    if can_use(root) and error is not None and error.filename:
        place = _find_existing(Path(os.fsdecode(error.filename)))
    reason = f": {error.strerror}" if error is not None else ""
    return (
        f"uid {os.geteuid()} cannot write to the shared volume{reason} ({describe(place)}). "
        f"Give it to that uid: chown {os.geteuid()}:{os.getegid()} on the storage server; with "
        "NFS root_squash do it there. Values: singleuser.uid, singleuser.fsGid"
    )


def describe(path: Path) -> str:
    """Return the path with its owner and mode, as far as they can be read."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError as error:
        return f"{path}: {error.strerror}"
    mode = oct(stat.S_IMODE(found.st_mode))[2:]
    return f"{path} belongs to {found.st_uid}:{found.st_gid}, mode {mode}"


def can_use(directory: Path) -> bool:
    """Whether this account can list, enter and change the directory."""
    return os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)


def _find_existing(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), path)

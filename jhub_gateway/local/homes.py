"""Home directories on the hub's own machine."""

import os
from pathlib import Path

from jhub_gateway.errors import ConfigurationError, StartRefused
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.layout import HOMES


def find_home(data_directory: str, identity: str) -> Path:
    """Return where the home of ``identity`` is, as an absolute path; nothing is created."""
    return Path(data_directory).resolve() / HOMES / make_directory_name(identity)


def make_data_directory(data_directory: str) -> Path:
    """Create the directory if it is missing, open to its owner alone, and return its real path.

    Raises ConfigurationError if it can't be created or written.
    """
    path = Path(data_directory).resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"data_directory: {str(path)!r} can't be created: {error.strerror}"
        ) from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(f"data_directory: {str(path)!r} can't be written by the hub")
    return path


def is_open_to_others(directory: Path) -> bool:
    """Whether other accounts than the directory's owner may list, enter or change it."""
    return bool(directory.stat().st_mode & 0o077)


def make_home(data_directory: str, identity: str) -> Path:
    """Create the home of ``identity`` if it is missing, mode 0700, and return its path.

    Raises StartRefused where the path is a symbolic link: under one account a server could
    otherwise lead the next start into somebody else's files, or out of the data directory.
    """
    home = find_home(data_directory, identity)
    make_data_directory(data_directory)
    for directory in (home.parent, home):
        _make_private_directory(directory)
    return home


def _make_private_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _make_refusal(path, error.strerror or "can't be created") from error
    if path.is_symlink():
        raise _make_refusal(path, "is a symbolic link")


def _make_refusal(path: Path, reason: str) -> StartRefused:
    return StartRefused(
        "Your home directory can't be opened safely. Ask the gateway's support to look at it.",
        cause=f"{path}: {reason}",
    )

"""The directory of the hub's own machine that stands for the share."""

import os
from pathlib import Path

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.layout import LAYOUT
from jhub_gateway.storage.layout import init_share, read_layout
from jhub_gateway.storage.problems import StorageError

PRIVATE = 0o700
PASSABLE = 0o711


def prepare_data_directory(path: Path, mode: int = PRIVATE) -> None:
    """Create the directory with ``mode`` and the share's layout in it, if it is missing.

    An older layout is not changed: its operator should look at what will be done first.

    Raises ConfigurationError if it can't be created or written, or isn't what it should be.
    """
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigurationError(f"data_directory: {str(path)!r} can't be written by the hub")
        _check_layout(path)
        init_share(path, root_mode=None)
    except OSError as error:
        raise ConfigurationError(
            f"data_directory: {str(path)!r} can't be created: {error.strerror}"
        ) from None
    except StorageError as problem:
        raise ConfigurationError(f"data_directory: {problem}") from None


def is_open_to_others(directory: Path) -> bool:
    """Whether other accounts than the directory's owner may list, enter or change it."""
    return bool(directory.stat().st_mode & 0o077)


def _check_layout(path: Path) -> None:
    found = read_layout(path)
    if 0 < found < LAYOUT:
        raise ConfigurationError(
            f"data_directory: {str(path)!r} has layout {found}, this release needs {LAYOUT}: run "
            f"`jhub-gateway storage init --dry-run {path}`, and again without --dry-run"
        )

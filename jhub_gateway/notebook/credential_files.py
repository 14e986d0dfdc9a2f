"""The directory in which the gateway keeps a user's credentials fresh, read as it is just now.

In a pod it is a Secret's volume: every file is a link through ``..data``, and that one link is
swapped when anything changes. On one machine each file is replaced by itself, and
``credentials.json`` last. Either way what is read together belongs together.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from jhub_gateway.notebook.credential_errors import CredentialsUnreadable, NoCredentials

T = TypeVar("T")

VARIABLE = "JHUB_GATEWAY_CREDENTIALS"
DEFAULT = "/var/run/secrets/gateway"
HEALTH = "credentials.json"

_PATIENCE = 5.0
"""Seconds for which a generation that is swapped away while it is read is given up for the next."""


def find_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where this server's credentials are; raises NoCredentials or CredentialsUnreadable."""
    directory = Path(environ.get(VARIABLE) or DEFAULT)
    try:
        # Not through the links: what they lead to may be swapped away in between.
        read_together(directory, lambda generation: os.stat(generation / HEALTH))
    except (FileNotFoundError, NotADirectoryError):
        raise make_absence(directory) from None
    except OSError as error:
        raise CredentialsUnreadable(
            f"The gateway's credentials in {directory} cannot be opened: {error.strerror}. "
            "Tell the gateway's support."
        ) from None
    return directory


def make_absence(directory: Path) -> NoCredentials:
    """Return what is said where a directory holds no credentials."""
    return NoCredentials(
        f"There are no credentials of a gateway here: {directory / HEALTH} is not there. A gateway "
        "that gives them puts them into each server at its start: stop this server and start it "
        "again. If they are still not there, ask the gateway's support."
    )


def read_together(directory: Path, read: Callable[[Path], T]) -> T:
    """Return what ``read`` makes of a directory whose files belong together.

    ``read`` is called again with the next one, if this one was swapped away meanwhile. Raises
    what ``read`` raises; FileNotFoundError is about a file that is not there in a whole one.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        generation = _find_generation(directory)
        try:
            return read(generation)
        except FileNotFoundError:
            if _find_generation(directory) == generation:
                raise
    raise CredentialsUnreadable(
        f"The gateway's credentials in {directory} change faster than they can be read. Try again."
    )


def _find_generation(directory: Path) -> Path:
    try:
        return directory / os.readlink(directory / "..data")
    except FileNotFoundError:
        return directory

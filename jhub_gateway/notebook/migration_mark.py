"""Jupyter's note that it has looked for settings of IPython 3, made ahead of its next start.

It writes the note when it finds that a kernel has run, which is at a user's second start. On a
disk that is full by then the server would end with an error, and nobody could make room.
"""

from contextlib import suppress
from pathlib import Path

_NAME = "migrated"


def make_migration_mark(config_directory: str) -> None:
    """Make the note if it is missing, and if there is room for it.

    Nothing of IPython 3 is lost: this server has looked for it when it began.
    """
    with suppress(OSError):
        directory = Path(config_directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / _NAME).touch(exist_ok=True)

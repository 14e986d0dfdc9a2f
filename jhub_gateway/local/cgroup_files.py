"""Writing a control group's files, each of which is one setting of the kernel's."""

import os
from pathlib import Path


def write(file: Path, value: object) -> None:
    """Write a setting. Raises OSError if the kernel doesn't know it, or refuses the value.

    Never creates: a limit that the kernel doesn't know must not pass for one that is set.
    """
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def write_if_there(file: Path, value: object) -> bool:
    """Write a setting that not every kernel has; return whether it is set."""
    try:
        write(file, value)
    except OSError:
        return False
    return True

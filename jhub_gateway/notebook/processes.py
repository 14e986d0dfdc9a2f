"""Telling a process from another one that was given its number later."""

from pathlib import Path


def find_began(pid: int) -> int | None:
    """Return when the process began, in ticks since its machine did; None if it runs no more."""
    try:
        # The second of the fields is the command, which can hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A process that ended stays a zombie until its parent asks for it.
        return None if fields[0] in ("Z", "X") else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None

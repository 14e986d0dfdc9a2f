"""A note that this server runs, in a directory that lasts as long as its pod.

A server that ends as it should takes its note away. One that finds a note was started again after
an end that nobody asked for: a container that is killed can't say so itself.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from jhub_gateway.notebook.processes import find_began

NAME = "jhub-gateway-run.json"


@dataclass(frozen=True)
class Run:
    """A run of a server: its process, when that began (ticks of the machine), and its memory.

    ``used`` is the bytes that its processes held last, or None where that is not known.
    """

    pid: int
    began: int
    used: int | None = None


class RunMark:
    """The note of this process, and what it finds of the run before."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / NAME
        self._own = Run(os.getpid(), find_began(os.getpid()) or 0)
        found = _read(self._file)
        # Somebody started another server beside the one that runs.
        self._is_taken = found is not None and found != self._own and _is_alive(found)
        self.earlier = None if self._is_taken else found

    def write(self, used: int | None) -> None:
        """Note that the server runs, and that its processes hold ``used`` bytes."""
        if self._is_taken:
            return
        note = json.dumps(asdict(Run(self._own.pid, self._own.began, used)))
        new = self._file.with_suffix(".new")
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_text(note)
            new.replace(self._file)

    def remove(self) -> None:
        """Take the note away: the server ends as it should."""
        if not self._is_taken:
            self._file.unlink(missing_ok=True)


def _read(file: Path) -> Run | None:
    try:
        run = Run(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    numbers = (run.pid, run.began, run.used or 0)
    return run if all(isinstance(number, int) for number in numbers) else None


def _is_alive(run: Run) -> bool:
    # The number of a process is given again, to another one that began later.
    return find_began(run.pid) == run.began

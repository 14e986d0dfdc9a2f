"""The jobs that programs in this server have written down, and that still count.

Anything may be in these files, and nothing in them can do more than not count.
"""

import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from jhub_gateway.notebook.jobs import MOST_HOURS
from jhub_gateway.notebook.processes import find_began

MOST_FILES = 1000
MOST_BYTES = 4096


def read_jobs(directory: Path | None) -> dict[str, float]:
    """Return the names of the files of the jobs that go on, with how many seconds ago each began.

    Files of jobs that are over are taken away. What can't be read is no job, never an error.
    """
    return dict(_read_all(directory)) if directory else {}


def _read_all(directory: Path) -> Iterator[tuple[str, float]]:
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in islice(entries, MOST_FILES):
            if not entry.name.endswith(".json"):
                continue
            with suppress(OSError, ValueError, RecursionError):
                note, age = _read(entry.path)
                if _goes_on(note, age):
                    yield entry.name, age
                else:
                    os.unlink(entry.path)


def _read(path: str) -> tuple[dict[str, object], float]:
    # A pipe under that name would never end, and a link may lead to one.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise ValueError("not a file of a job")
        note = json.loads(os.read(descriptor, MOST_BYTES))
    finally:
        os.close(descriptor)
    if not isinstance(note, dict):
        raise ValueError("not an object")
    # One clock wrote the time and reads it: this machine's.
    return note, max(0.0, time.time() - status.st_mtime)


def _goes_on(note: dict[str, object], age: float) -> bool:
    seconds, pid, began = note.get("seconds"), note.get("pid"), note.get("began")
    if isinstance(seconds, (int, float)):
        return age < min(seconds, MOST_HOURS * 3600)
    if not isinstance(pid, int) or pid <= 0:
        raise ValueError("neither a process nor a length of time")
    found = find_began(pid)
    return found is not None and began in (None, found)

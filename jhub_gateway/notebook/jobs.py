"""Saying that something works in this server which it can't see itself. Standard library alone.

A job is a file in a directory that lasts as long as the server's pod. Its name is anything that
ends in ``.json``; it holds ``{"name": ..., "pid": ..., "began": ...}`` for as long as the process
``pid`` lives (``began`` is its start in ticks, and may be left out), or ``{"name": ...,
"seconds": ...}`` for so long after it was written.
"""

import json
import os
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from jhub_gateway.notebook.processes import find_began

NAME = "jhub-gateway-jobs"
MOST_HOURS = 24 * 366


class Job:
    """A job that counts as work of the server until it ends; see :func:`job`."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def end(self) -> None:
        """Say that it has ended. May be said again."""
        if self._file:
            self._file.unlink(missing_ok=True)

    def __enter__(self) -> "Job":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


def job(name: str, hours: float | None = None) -> Job:
    """Say that something works, so that its server isn't stopped as unused. ``name`` is for people.

    It counts from now on until ``end()``, or the end of a ``with``; without ``hours`` no longer
    than this process lives, with ``hours`` for at most so many (366 days at most), whatever becomes
    of this process: for what runs elsewhere.

    Outside a gateway's server it does nothing, and where it can't be noted it warns: the work
    itself goes on. Raises ValueError if ``hours`` is no length of time.
    """
    if hours is not None and not 0 < hours <= MOST_HOURS:
        raise ValueError(f"hours must be more than 0 and at most {MOST_HOURS}")
    directory = find_job_directory()
    if directory is None:
        return Job(None)
    try:
        return Job(_write(directory, _make_note(name, hours)))
    except OSError as error:
        warnings.warn(f"The server can't be told of the job: {error}", stacklevel=2)
        return Job(None)


def find_job_directory(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the jobs of this server are; None outside a gateway's server."""
    runtime = environ.get("JUPYTER_RUNTIME_DIR")
    return Path(runtime) / NAME if runtime else None


def _make_note(name: str, hours: float | None) -> dict[str, Any]:
    if hours is not None:
        return {"name": name, "seconds": hours * 3600}
    return {"name": name, "pid": os.getpid(), "began": find_began(os.getpid())}


def _write(directory: Path, note: dict[str, Any]) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / f"{uuid.uuid4().hex}.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(note))
    return new.replace(file)

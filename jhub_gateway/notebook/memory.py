"""What became of this server for want of memory, for JupyterLab. Only what is known is said."""

import atexit
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jhub_gateway.notebook.memory_group import MemoryGroup, find_memory_group
from jhub_gateway.notebook.run_mark import RunMark

LOOK_SECONDS = 5
NEAR = 0.8
"""Of the limit. A server that ended with so much in use most likely ran out of it."""

_CHANGE = 0.01  # of the limit; a smaller one is not worth a write


class MemoryWatch:
    """Looks at the memory of this server again and again, and remembers what happened to it.

    ``peak`` is the most bytes in use at any look, or the limit once something was ended for want of
    memory; ``None`` where that can't be told.
    """

    def __init__(
        self, limit: int | None, group: MemoryGroup | None = None, mark: RunMark | None = None
    ) -> None:
        self.limit = limit
        self.event: dict[str, Any] | None = None
        self.peak: int | None = None
        self._group, self._mark = group, mark
        self._kills = group.count_kills() if group else None
        self._noted: int | None = None
        if mark and mark.earlier:
            self._note("restarted", _is_near(mark.earlier.used, limit))
        self._look_at_peak()
        self._write()

    def look(self) -> None:
        """Take note of what has happened since the last look."""
        kills = self._group.count_kills() if self._group else None
        if kills is not None and self._kills is not None and kills > self._kills:
            self._note("killed", True)
        self._kills = kills
        self._look_at_peak()
        self._write()

    def end(self) -> None:
        """Take note that the server ends as it should."""
        if self._mark:
            self._mark.remove()

    def _note(self, kind: str, is_out_of_memory: bool) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.event = {"kind": kind, "at": at, "out_of_memory": is_out_of_memory}
        if is_out_of_memory:
            self.peak = self.limit

    def _look_at_peak(self) -> None:
        used = self._group.measure_working_set() if self._group else None
        if used is not None:
            self.peak = max(used, self.peak or 0)

    def _write(self) -> None:
        if self._mark is None:
            return
        used = self._group.measure() if self._group else None
        if self._is_news(used):
            self._mark.write(used)
            self._noted = used

    def _is_news(self, used: int | None) -> bool:
        if used is None or self._noted is None:
            return True
        return abs(used - self._noted) >= _CHANGE * (self.limit or 1)


def make_watch(environ: Mapping[str, str] = os.environ) -> MemoryWatch:
    """Return the watch of this server, by the variables that the hub has given it."""
    limit = _read_size(environ.get("MEM_LIMIT"))
    # Elsewhere the runtime directory may be in a home, where a note outlives all that it is of.
    runtime = environ.get("JUPYTER_RUNTIME_DIR") if "JHUB_GATEWAY_USAGE" in environ else None
    watch = MemoryWatch(
        limit,
        find_memory_group(limit) if limit else None,
        RunMark(Path(runtime)) if runtime else None,
    )
    atexit.register(watch.end)
    return watch


def read_memory(watch: MemoryWatch, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what JSON can hold: ``event``, ``limit`` (bytes) and ``larger``; each may be None.

    ``event`` has a ``kind`` (``"killed"``: a program in the server was; ``"restarted"``: the
    server was), ``at`` (ISO 8601) and ``out_of_memory``: whether memory is known or likely to be
    why. ``larger`` is the next size that the user may have: ``name``, ``memory`` and ``url``, at
    the hub.
    """
    return {"event": watch.event, "limit": watch.limit, "larger": _read_larger(environ)}


def _is_near(used: int | None, limit: int | None) -> bool:
    return used is not None and limit is not None and used >= NEAR * limit


def _read_larger(environ: Mapping[str, str]) -> dict[str, str] | None:
    try:
        larger = json.loads(environ["JHUB_GATEWAY_LARGER"])
        return {key: str(larger[key]) for key in ("name", "memory", "url")}
    except (KeyError, ValueError, TypeError):
        return None


def _read_size(value: str | None) -> int | None:
    try:
        return int(value or "") or None
    except ValueError:
        return None

"""How full the home is: what the gateway measured, and what the file system says just now."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MAX_AGE = timedelta(days=7)
"""A size measured longer ago is not shown: it would be taken for today's."""

FULL = 1024**2
"""Bytes. With less than this a file system is full: no notebook can be saved."""


@dataclass(frozen=True)
class Space:
    """The space of a home. Sizes are bytes; ``None`` means unknown.

    ``quota`` is what the home may have, ``measured_at`` is when ``used`` was true (ISO 8601,
    UTC). ``free`` is what the file system of the home has left for this user, and ``full``
    says that this is nothing. ``rescue`` says that the server was started in rescue mode.
    """

    used: int | None
    quota: int | None
    measured_at: str | None
    free: int | None
    full: bool
    rescue: bool


def read_space(environ: Mapping[str, str] = os.environ, now: datetime | None = None) -> Space:
    """Return the space of the home; whatever cannot be found out is unknown, never an error."""
    now = now or datetime.now(UTC)
    total, free = _read_file_system(environ.get("HOME", "/"))
    used, measured_at, limit = _read_measured(environ.get("JHUB_GATEWAY_USAGE"), now)
    quota = _read_size(environ.get("JHUB_GATEWAY_HOME_QUOTA"))
    # A quota of the kernel's that the file system shows: it knows the present use by itself.
    if limit and total and free is not None and total <= limit:
        used, measured_at = total - free, now
    return Space(
        used=used,
        quota=min(filter(None, (quota, limit)), default=None),
        measured_at=f"{measured_at:%Y-%m-%dT%H:%M:%SZ}" if measured_at else None,
        free=free,
        full=free is not None and free < FULL,
        rescue=is_rescue(environ),
    )


def is_rescue(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this server was started in rescue mode."""
    return environ.get("JHUB_GATEWAY_RESCUE") == "1"


def _read_file_system(directory: str) -> tuple[int | None, int | None]:
    """Return the size and the free bytes; both unknown where the file system does not tell."""
    try:
        answer = os.statvfs(directory)
    except OSError:
        return None, None
    if not answer.f_blocks:
        return None, None
    return answer.f_blocks * answer.f_frsize, answer.f_bavail * answer.f_frsize


def _read_measured(
    directory: str | None, now: datetime
) -> tuple[int | None, datetime | None, int | None]:
    """Return the use, when it was measured and the kernel's quota, out of ``usage.json``."""
    if not directory:
        return None, None, None
    try:
        record = json.loads(Path(directory, "usage.json").read_text())
        measured_at = datetime.fromisoformat(record["measured_at"]).astimezone(UTC)
        used, limit = int(record["used"]), _read_size(record["limit"])
    except (OSError, ValueError, LookupError, TypeError):
        return None, None, None
    if now - measured_at > MAX_AGE:
        return None, None, limit
    return used, measured_at, limit


def _read_size(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None

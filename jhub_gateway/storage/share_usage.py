"""What all homes and datasets of the share take together, written for the hub's metrics."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jhub_gateway.models import PlacesUsage, ShareUsage, Usage
from jhub_gateway.policy.layout import USAGE
from jhub_gateway.policy.quotas import is_full
from jhub_gateway.storage import files
from jhub_gateway.storage.paths import SHARE_RECORD

log = logging.getLogger(__name__)


def sum_up(usages: Iterable[Usage | None]) -> PlacesUsage:
    """Return what these directories take together; ``None`` is one that was never measured."""
    listed = list(usages)
    known = [usage for usage in listed if usage is not None]
    return PlacesUsage(
        count=len(known),
        unmeasured=len(listed) - len(known),
        used=sum(usage.used for usage in known),
        full=sum(is_full(usage, None) for usage in known),
        oldest_at=min((usage.measured_at for usage in known), default=None),
    )


def write_share_usage(root: Path, homes: PlacesUsage, datasets: PlacesUsage) -> None:
    """Write the sums, and what the file system of the share has left, to ``usage/``.

    Where that can't be written the log says so: the single figures are there all the same.
    """
    try:
        status = os.statvfs(root)
        usage = ShareUsage(
            measured_at=datetime.now(UTC).replace(microsecond=0),
            size=status.f_blocks * status.f_frsize,
            free=status.f_bavail * status.f_frsize,
            homes=homes,
            datasets=datasets,
        )
        record = json.dumps(asdict(usage), default=datetime.isoformat)
        # The hub may run under another account than what measures.
        files.replace(root / USAGE / SHARE_RECORD, record + "\n", mode=0o644)
    except OSError as problem:
        log.warning("What the share takes in all is not written: %s", problem)


def read_share_usage(directory: Path) -> ShareUsage | None:
    """Return what was last written to the share's ``usage/``; None if nothing that can be read."""
    try:
        record = json.loads((directory / SHARE_RECORD).read_bytes())
        return ShareUsage(
            measured_at=_read_time(record["measured_at"]),
            size=int(record["size"]),
            free=int(record["free"]),
            homes=_read_places(record["homes"]),
            datasets=_read_places(record["datasets"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read_places(record: Mapping[str, Any]) -> PlacesUsage:
    oldest = record["oldest_at"]
    counts = {key: int(record[key]) for key in ("count", "unmeasured", "used", "full")}
    return PlacesUsage(**counts, oldest_at=None if oldest is None else _read_time(oldest))


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if not time.tzinfo:
        raise ValueError(f"{text} names no time zone")
    return time

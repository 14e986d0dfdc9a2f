"""The version of the chart, and whether this project was tried with it."""

import re
from collections.abc import Iterator

from jhub_gateway.chart.defaults import NEXT_MAJOR_CHART, OLDEST_CHART
from jhub_gateway.checks.report import Problem

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-+].*)?", re.ASCII)


def find_version_problems(version: str) -> Iterator[Problem]:
    """Yield that the version is none, or outside the range that was tried."""
    found = _read(version)
    if found is None:
        yield Problem((), f"{version!r} is no version of a chart such as 4.4.0")
        return
    if not OLDEST_CHART <= found < NEXT_MAJOR_CHART:
        oldest, newest = (".".join(map(str, one)) for one in (OLDEST_CHART, NEXT_MAJOR_CHART))
        yield Problem(
            (),
            f"the chart's version is {version}, and this release was tried with {oldest} "
            f"and later, below {newest}: install one of these",
        )


def _read(version: str) -> tuple[int, int, int] | None:
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        return None
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch

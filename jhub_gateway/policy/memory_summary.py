"""Requested against used: what the sessions of each profile say to an operator. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from jhub_gateway.models import MemorySession, MemorySpan
from jhub_gateway.policy.memory_hours import count_hours


@dataclass(frozen=True, slots=True)
class ProfileUse:
    """How much of a profile's ``memory`` was used. Amounts are bytes, ``hours`` are GiB-hours.

    ``user`` is empty where all users are taken together, and so is ``profile`` where all profiles
    are, with the largest ``memory``. The peaks are those of the ``measured``
    sessions out of all ``sessions``; ``None`` where none was measured.
    """

    profile: str
    user: str
    memory: int
    sessions: int
    measured: int
    hours: float
    median: int | None
    p95: int | None
    most: int | None


def summarise(
    sessions: Iterable[MemorySession], since: int, by_user: bool = False
) -> tuple[ProfileUse, ...]:
    """Return what sessions that went on after ``since`` used, by profile and its memory."""
    found: dict[tuple[int, str, str], list[MemorySession]] = defaultdict(list)
    for session in sessions:
        key = (session.memory, session.profile, session.user if by_user else "")
        found[key].append(session)
    return tuple(_make_use(*key, found[key], since) for key in sorted(found))


def summarise_all(sessions: Sequence[MemorySession], since: int) -> ProfileUse:
    """Return what all sessions used together that went on after ``since``."""
    largest = max((session.memory for session in sessions), default=0)
    return _make_use(largest, "", "", sessions, since)


def _make_use(
    memory: int, profile: str, user: str, sessions: Sequence[MemorySession], since: int
) -> ProfileUse:
    peaks = sorted(session.peak for session in sessions if session.peak is not None)
    spans = [MemorySpan(one.memory, one.began, one.until) for one in sessions]
    return ProfileUse(
        profile=profile,
        user=user,
        memory=memory,
        sessions=len(sessions),
        measured=len(peaks),
        hours=count_hours(spans, since),
        median=find_percentile(peaks, 50),
        p95=find_percentile(peaks, 95),
        most=find_percentile(peaks, 100),
    )


def find_percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Return the least of the values that so many in a hundred do not exceed; None of none."""
    return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)] if ordered else None

"""What was requested and used of memory, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from jhub_gateway.models import MemoryProfile
from jhub_gateway.planning.output import format_table
from jhub_gateway.policy.memory_feedback import MARGIN
from jhub_gateway.policy.memory_summary import ProfileUse
from jhub_gateway.policy.quantities import format_memory

_HEAD = ["PROFILE", "MEMORY", "SESSIONS", "MEASURED", "GIB-HOURS", "MEDIAN", "95%", "MOST", "FITS"]


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What the hub has told of the sessions of so many ``days``; ``total`` is of all of them."""

    days: int
    profiles: tuple[ProfileUse, ...]
    total: ProfileUse

    @property
    def smallest(self) -> int:
        """The bytes that half of all sessions would have fitted; 0 where none was measured."""
        return _add_margin(self.total.median) or 0


def read_report(answer: Mapping[str, Any]) -> UsageReport:
    """Return the hub's answer. Raises LookupError or TypeError for one of another form."""
    profiles = tuple(ProfileUse(**{"user": "", **row}) for row in answer["profiles"])
    return UsageReport(answer["days"], profiles, ProfileUse(**{"user": "", **answer["all"]}))


def format_json(report: UsageReport, ladder: Sequence[MemoryProfile]) -> str:
    """Return the document that docs/reference/cli.md describes."""
    document = {
        "version": 1,
        "days": report.days,
        "profiles": [_make_entry(one) for one in report.profiles],
        "all": _make_entry(report.total),
        "ladder": [{"slug": one.slug, "memory": one.memory} for one in ladder],
    }
    return json.dumps(document, indent=2)


def format_text(report: UsageReport, ladder: Sequence[MemoryProfile]) -> str:
    """Return a table and sentences."""
    if not report.profiles:
        return f"no server with a memory profile ran in the last {report.days} days"
    has_users = any(one.user for one in report.profiles)
    rows = [_list_cells(one, has_users) for one in report.profiles]
    parts = [format_table([[*(["USER"] if has_users else []), *_HEAD], *rows])]
    parts.append("\n".join(_list_sentences(report, ladder)))
    return "\n\n".join(parts)


def _make_entry(use: ProfileUse) -> dict[str, Any]:
    entry = asdict(use) | {"fits": _add_margin(use.p95)}
    if not use.user:
        del entry["user"]
    return entry


def _list_cells(use: ProfileUse, has_users: bool) -> list[str]:
    amounts = (use.median, use.p95, use.most, _add_margin(use.p95))
    return [
        *([use.user] if has_users else []),
        use.profile,
        format_memory(use.memory),
        str(use.sessions),
        str(use.measured),
        f"{use.hours:.1f}",
        *("-" if amount is None else format_memory(amount) for amount in amounts),
    ]


def _list_sentences(report: UsageReport, ladder: Sequence[MemoryProfile]) -> list[str]:
    total = report.total
    sentences = [
        f"{total.sessions} sessions in {report.days} days took {total.hours:.1f} GiB-hours; what "
        f"{total.measured} of them used is known",
        f"FITS: 95 of 100 sessions would have fitted, with {MARGIN - 1:.0%} to spare",
    ]
    if ladder:
        sizes = ", ".join(f"{one.slug} {format_memory(one.memory)}" for one in ladder)
        sentences.append(f"sizes that fill these nodes, and of which the first fits half: {sizes}")
    elif report.smallest:
        sentences.append("with --nodes or --kubeconfig sizes are suggested that fill the nodes")
    return sentences


def _add_margin(peak: int | None) -> int | None:
    return None if peak is None else ceil(peak * MARGIN)

"""The rows as tables. Ratios first: seconds are this machine's, of this hour."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.storm.rows import Row
from benchmarks.storm.variants import SHARED, VARIANTS

_COUNTS = {"ready": "ready", "own_pods_deleted": "own pods deleted"}
_MEASURES = {
    "p50_s": "p50, s",
    "p95_s": "p95, s",
    "last_s": "last, s",
    "answer_s": "hub answers, s",
    "hub_cpu_per_start_s": "hub CPU a server, s",
    "hub_rss_mb_per_server": "hub memory a server, MiB",
    "api_calls_per_start": "API calls a server",
}
_LABEL, _CELL = 26, 36


def make_report(rows: Sequence[Row]) -> str:
    """The tables as text, one scenario after the other."""
    scenarios = dict.fromkeys(row.scenario for row in rows)
    return "\n\n".join(
        _make_scenario([row for row in rows if row.scenario == name]) for name in scenarios
    )


def find_ratios(rows: Iterable[Row], spawner: str, measure: str, base: str = SHARED) -> list[float]:
    """The spawner's measure over the base's of the same round, where both were measured."""
    by_round = {(row.spawner, row.round): getattr(row, measure) for row in rows}
    pairs = [
        (value, by_round.get((base, number)))
        for (name, number), value in by_round.items()
        if name == spawner
    ]
    return [own / other for own, other in pairs if own is not None and other]


def _make_scenario(rows: Sequence[Row]) -> str:
    known = {row.spawner for row in rows}
    spawners = [variant.name for variant in VARIANTS if variant.name in known]
    rounds = len({row.round for row in rows})
    lines = [
        f"{rows[0].scenario}: {rows[0].n} servers, {rounds} round(s)",
        f"x: to {SHARED} in the same round; medians, with the least and the most of the rounds",
        f"{'':{_LABEL}}" + "".join(f"{name:>{_CELL}}" for name in spawners),
    ]
    for field, title in _COUNTS.items():
        cells = [_show(_take(rows, name, field), 0) for name in spawners]
        lines.append(_make_line(title, cells))
    for field, title in _MEASURES.items():
        if any(_take(rows, name, field) for name in spawners):
            lines.append(_make_line(title, [_compare(rows, name, field) for name in spawners]))
    lines += [_make_calls(rows, name) for name in spawners]
    return "\n".join(lines)


def _make_line(title: str, cells: Iterable[str]) -> str:
    return f"{title:{_LABEL}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _take(rows: Sequence[Row], spawner: str, field: str) -> list[float]:
    values = [getattr(row, field) for row in rows if row.spawner == spawner]
    return [value for value in values if value is not None]


def _compare(rows: Sequence[Row], spawner: str, field: str) -> str:
    """The ratio, and then the value."""
    ratios = _show(find_ratios(rows, spawner, field), 2)
    return f"x{ratios}  {_show(_take(rows, spawner, field), 3)}"


def _make_calls(rows: Sequence[Row], spawner: str) -> str:
    own = [row for row in rows if row.spawner == spawner]
    calls: Counter[str] = sum((Counter(row.calls_by_verb) for row in own), Counter())
    servers = sum(row.n for row in own)
    counts = ", ".join(f"{verb} {count / servers:.3f}" for verb, count in calls.most_common())
    return f"  API calls a server, {spawner}: {counts or 'none'}"


def _show(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    middle = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"

"""The rows as tables. Ratios first: seconds are this machine's, of this hour."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.storm.rows import Row
from benchmarks.storm.variants import SHARED, VARIANTS

_MEASURES = {
    "p50_s": "p50",
    "p95_s": "p95",
    "last_s": "last",
    "hub_cpu_per_start_s": "hub CPU/start",
    "hub_rss_mb_per_server": "hub MiB/server",
    "api_calls_per_start": "API calls/start",
}


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
    spawners = [each for each in VARIANTS if any(row.spawner == each.name for row in rows)]
    width = max(len(each.title) for each in spawners) + 2
    n, rounds = rows[0].n, len({row.round for row in rows})
    lines = [f"{rows[0].scenario}: {n} servers, {rounds} round(s); medians (range)"]
    header = "".join(f"{title:>22}" for title in _MEASURES.values())
    lines.append(f"{'':{width}}{'ready':>12}{'own pods deleted':>18}{header}")
    for each in spawners:
        own = [row for row in rows if row.spawner == each.name]
        cells = [f"{_show([row.ready for row in own], 0):>12}"]
        cells.append(f"{_show([row.own_pods_deleted for row in own], 0):>18}")
        cells += [f"{_show([getattr(row, name) for row in own]):>22}" for name in _MEASURES]
        lines.append(f"{each.title:{width}}{''.join(cells)}")
    lines.append(f"to {SHARED} of the same round = 1.00")
    for each in spawners:
        cells = [f"{_show(find_ratios(rows, each.name, name), 2):>22}" for name in _MEASURES]
        lines.append(f"{each.title:{width}}{'':30}{''.join(cells)}")
    for each in spawners:
        answers = [row.answer_s for row in rows if row.spawner == each.name and row.answer_s]
        if answers:
            lines.append(f"  {each.name} answers after {_show(answers, 1)} s")
    lines += [_make_calls(each.name, rows) for each in spawners]
    return "\n".join(lines)


def _make_calls(spawner: str, rows: Sequence[Row]) -> str:
    own = [row for row in rows if row.spawner == spawner]
    calls: Counter[str] = sum((Counter(row.calls_by_verb) for row in own), Counter())
    asked = sum(row.n for row in own)
    counts = ", ".join(f"{verb} {count / asked:.3f}" for verb, count in calls.most_common())
    return f"  calls per start of {spawner}: {counts or 'none'}"


def _show(values: Iterable[float | None], digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    middle = f"{median(known):.{digits}f}"
    if len(known) == 1:
        return middle
    return f"{middle} ({min(known):.{digits}f}-{max(known):.{digits}f})"

"""The rows as a table. Ratios first: seconds are this machine's, of this hour."""

from collections.abc import Sequence
from statistics import median

from benchmarks.cull.passes import VARIANTS, Row
from benchmarks.cull.site import IDLE_CULLER

_MEASURES = {
    "requests": ("requests to the hub", 0),
    "seconds": ("seconds", 2),
    "hub_cpu_s": ("hub CPU, s", 2),
}
_LABEL, _CELL = 22, 16


def make_report(rows: Sequence[Row], users: int) -> str:
    """The table as text: each culler's medians, and in proportion to idle-culler's."""
    rounds = len({row.round for row in rows})
    lines = [
        f"cull: a look at {rows[0].servers} running servers of {users} users, {rounds} round(s)",
        f"x: to {IDLE_CULLER} in the same round; medians",
        f"{'':{_LABEL}}" + "".join(f"{name:>{_CELL}}" for name in VARIANTS),
    ]
    for field, (title, digits) in _MEASURES.items():
        cells = (_make_cell(rows, name, field, digits) for name in VARIANTS)
        lines.append(f"{title:{_LABEL}}" + "".join(f"{cell:>{_CELL}}" for cell in cells))
    asked = (f"{median(_take(rows, name, 'asked')):.0f}" for name in VARIANTS)
    lines.append(f"{'servers asked':{_LABEL}}" + "".join(f"{cell:>{_CELL}}" for cell in asked))
    return "\n".join(lines)


def find_ratios(rows: Sequence[Row], culler: str, field: str) -> list[float]:
    """The culler's measure over idle-culler's, of each round."""
    own, base = _take(rows, culler, field), _take(rows, IDLE_CULLER, field)
    return [one / other for one, other in zip(own, base, strict=True) if other]


def _make_cell(rows: Sequence[Row], culler: str, field: str, digits: int) -> str:
    value = median(_take(rows, culler, field))
    ratios = find_ratios(rows, culler, field)
    return f"x{median(ratios):.2f}  {value:.{digits}f}" if ratios else f"{value:.{digits}f}"


def _take(rows: Sequence[Row], culler: str, field: str) -> list[float]:
    return [getattr(row, field) for row in rows if row.culler == culler]

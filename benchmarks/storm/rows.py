"""What one storm comes to: a row of the table and of ``.bench/storm.json``."""

from collections.abc import Collection
from dataclasses import dataclass, field
from math import ceil

from benchmarks.storm.storm import Storm


@dataclass(frozen=True)
class Row:
    """Seconds are since the storm began, and of the starts that became ready; None without any.

    ``ready`` of ``n`` starts did. ``hub_rss_mb_per_server`` is in MiB. Of a restart, seconds are
    since the hub's process began; ``answer_s`` is when it answered.
    """

    spawner: str
    scenario: str
    round: int
    n: int
    ready: int
    p50_s: float | None
    p95_s: float | None
    last_s: float | None
    hub_cpu_per_start_s: float
    hub_rss_mb_per_server: float
    api_calls_per_start: float
    own_pods_deleted: int
    answer_s: float | None = None
    calls_by_verb: dict[str, int] = field(default_factory=dict)


def make_row(spawner: str, scenario: str, number: int, storm: Storm) -> Row:
    """The row of a storm, in the round of that number."""
    seconds = storm.ready.values()
    return Row(
        spawner=spawner,
        scenario=scenario,
        round=number,
        n=storm.asked,
        ready=len(storm.ready),
        p50_s=find_percentile(seconds, 50),
        p95_s=find_percentile(seconds, 95),
        last_s=find_percentile(seconds, 100),
        hub_cpu_per_start_s=round(storm.cpu / storm.asked, 5),
        hub_rss_mb_per_server=round(storm.memory / storm.asked, 4),
        api_calls_per_start=round(storm.calls.total / storm.asked, 4),
        own_pods_deleted=len(storm.calls.deleted_pods),
        answer_s=storm.answered,
        calls_by_verb=dict(storm.calls.by_verb.most_common()),
    )


def find_percentile(values: Collection[float], percent: int) -> float | None:
    """The least value that so many percent of the values do not exceed; None without values."""
    if not values:
        return None
    place = max(1, ceil(len(values) * percent / 100))
    return round(sorted(values)[place - 1], 3)

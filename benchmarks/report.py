"""The result as tables. Ratios first: seconds are this machine's, of this hour."""

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.prepare import PrepareCost
from benchmarks.run import Result
from benchmarks.starts import Start
from benchmarks.variants import (
    GATEWAY_BIG,
    GATEWAY_EMPTY,
    PLAIN_BIG,
    PLAIN_EMPTY,
    VARIANTS,
    Variant,
)

_MIB = 1024**2


def make_report(result: Result) -> str:
    """Return the tables as text."""
    return "\n\n".join(
        [
            _make_starts_table(result.starts),
            _make_pods_table(result.starts),
            _make_homes_lines(result),
            *(_make_stages_table(result.starts, variant) for variant in VARIANTS),
            _make_prepare_lines(result.prepare),
        ]
    )


def get_seconds(starts: Iterable[Start], variant: str) -> list[float]:
    """The seconds of a variant's starts, by turn."""
    return [start.seconds for start in starts if start.variant == variant]


def get_ratios(starts: Sequence[Start], variant: str, base: str) -> list[float]:
    """Each turn's start of the variant over the same turn's of ``base``."""
    pairs = zip(get_seconds(starts, variant), get_seconds(starts, base), strict=True)
    return [own / other for own, other in pairs]


def _make_starts_table(starts: Sequence[Start]) -> str:
    lines = [
        f"{'From POST to ready, to plain = 1.00':36}{'median':>8}{'of turns':>14}{'seconds':>20}"
    ]
    plain = median(get_seconds(starts, PLAIN_EMPTY.name))
    for variant in VARIANTS:
        own = get_seconds(starts, variant.name)
        ratios = get_ratios(starts, variant.name, PLAIN_EMPTY.name)
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        seconds = f"{median(own):.2f} ({min(own):.2f}-{max(own):.2f})"
        lines.append(f"{variant.title:36}{median(own) / plain:8.2f}{spread:>14}{seconds:>20}")
    return "\n".join(lines)


def _make_pods_table(starts: Sequence[Start]) -> str:
    """The part that the spawner decides: how soon a server answers then is Jupyter's."""
    by_variant = {
        variant: [start.pod_seconds for start in starts if start.variant == variant.name]
        for variant in VARIANTS
    }
    plain, whole = median(by_variant[PLAIN_EMPTY]), median(get_seconds(starts, PLAIN_EMPTY.name))
    lines = [
        f"{'From pod to container, to plain = 1.00':42}{'to a whole start':>16}{'seconds':>20}"
    ]
    for variant, own in by_variant.items():
        seconds = f"{median(own):.2f} ({min(own):.2f}-{max(own):.2f})"
        ratios = f"{median(own) / plain:8.2f}{median(own) / whole:14.2f}"
        lines.append(f"{variant.title:36}{ratios}{seconds:>20}")
    return "\n".join(lines)


def _make_homes_lines(result: Result) -> str:
    lines = ["A home of 200,000 files to an empty one, by the same spawner"]
    for big, empty in ((PLAIN_BIG, PLAIN_EMPTY), (GATEWAY_BIG, GATEWAY_EMPTY)):
        own, other = (get_seconds(result.starts, each.name) for each in (big, empty))
        lines.append(f"{big.title:36}{median(own) / median(other):8.2f}")
    chown = result.chown_seconds / median(get_seconds(result.starts, PLAIN_EMPTY.name))
    lines.append(f"{'one recursive chown would add':36}{chown:8.2f}   (file names in memory)")
    return "\n".join(lines)


def _make_stages_table(starts: Sequence[Start], variant: Variant) -> str:
    own = [start for start in starts if start.variant == variant.name]
    plain = median(get_seconds(starts, PLAIN_EMPTY.name))
    lines = [f"{variant.title}: median of each stage, to a plain start = 1.00"]
    for stage in own[0].stages:
        seconds = median(start.stages[stage] for start in own)
        lines.append(f"  {stage:44}{seconds / plain:6.2f}{seconds:9.2f} s")
    return "\n".join(lines)


def _make_prepare_lines(cost: PrepareCost) -> str:
    python, prepare = median(cost.python_seconds), median(cost.prepare_seconds)
    return "\n".join(
        [
            "python3 -I -m jhub_gateway.storage prepare, to a Python that does nothing = 1.00",
            f"  {'time':44}{prepare / python:6.2f}{prepare * 1000:6.0f} ms",
            f"  {'memory':44}{cost.prepare_bytes / cost.python_bytes:6.2f}"
            f"{cost.prepare_bytes / _MIB:6.1f} MiB",
        ]
    )

"""What the hub counts of servers that were stopped for want of use, and of what decides that."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import REGISTRY, Counter, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jhub_gateway.policy.cull_messages import CullPass

_CURRENT_SECONDS = 600

CULLS = Counter(
    "jhub_gateway_culls",
    "Servers that were stopped as nobody used them, or for their age, by cause",
    ["cause"],
)


@dataclass(slots=True)
class _Report:
    cull_pass: CullPass
    at: float  # time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self.at


_GAUGES: dict[str, tuple[str, Callable[[_Report], float]]] = {
    "age_seconds": ("Seconds since a culler last told of a pass", lambda report: report.age),
    "pass_seconds": ("Seconds that the last pass took", lambda report: report.cull_pass.seconds),
    "servers": ("Servers that the last pass looked at", lambda report: report.cull_pass.servers),
    "unknown_servers": (
        "Servers of the last pass whose use was not known",
        lambda report: report.cull_pass.unknown,
    ),
}


class CullerReports(Collector):
    """The last report of a culler; a hub that was never told of one reports nothing."""

    def __init__(self) -> None:
        self._last: _Report | None = None

    def note(self, cull_pass: CullPass) -> None:
        """A culler has just looked at all servers."""
        self._last = _Report(cull_pass, time.monotonic())

    @property
    def is_current(self) -> bool:
        """Whether a culler looks at the servers: without one none is stopped."""
        return self._last is not None and self._last.age < _CURRENT_SECONDS

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without their values."""
        for name, (text, _) in _GAUGES.items():
            yield GaugeMetricFamily(f"jhub_gateway_culler_{name}", text)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, as prometheus_client asks for them at each scrape."""
        if self._last is None:
            return
        for name, (text, find) in _GAUGES.items():
            value = find(self._last)
            yield GaugeMetricFamily(f"jhub_gateway_culler_{name}", text, value=value)


REPORTS = CullerReports()
REGISTRY.register(REPORTS)

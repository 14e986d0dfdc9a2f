"""What the hub counts of servers that were stopped for want of use, and of what decides that."""

import time
from collections.abc import Iterator
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
        return self._last is not None and self._age < _CURRENT_SECONDS

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, as prometheus_client asks for them at each scrape."""
        if self._last is None:
            return
        last = self._last.cull_pass
        gauges = {
            "age_seconds": ("Seconds since a culler last told of a pass", self._age),
            "pass_seconds": ("Seconds that the last pass took", last.seconds),
            "servers": ("Servers that the last pass looked at", last.servers),
            "unknown": ("Servers of the last pass whose use was not known", last.unknown),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"jhub_gateway_culler_{name}", text, value=value)

    @property
    def _age(self) -> float:
        return time.monotonic() - self._last.at if self._last else 0


REPORTS = CullerReports()
REGISTRY.register(REPORTS)

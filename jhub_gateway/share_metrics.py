"""What the hub tells Prometheus of the share: what it has left, and what homes and data take."""

from collections.abc import Callable, Iterator

from prometheus_client import REGISTRY, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jhub_gateway.models import PlacesUsage, ShareUsage

_SHARE: dict[str, tuple[str, Callable[[ShareUsage], float]]] = {
    "size_bytes": ("Bytes that the file system of the share has", lambda share: share.size),
    "free_bytes": ("Bytes of it that can be written yet", lambda share: share.free),
    "measured_timestamp_seconds": (
        "When the share was measured last, in seconds since 1970",
        lambda share: share.measured_at.timestamp(),
    ),
}
_PLACES: dict[str, tuple[str, Callable[[PlacesUsage], float]]] = {
    "used_bytes": (
        "Bytes that all homes, or all data sets, take by their last measures",
        lambda places: places.used,
    ),
    "directories": (
        "Homes, or data sets, that were measured",
        lambda places: places.count,
    ),
    "unmeasured_directories": (
        "Homes, or data sets, that were never measured",
        lambda places: places.unmeasured,
    ),
    "full_directories": (
        "Homes, or data sets, that have reached the quota of the file system itself",
        lambda places: places.full,
    ),
    "oldest_measure_timestamp_seconds": (
        "When the one was measured whose measure is oldest, in seconds since 1970",
        lambda places: places.oldest_at.timestamp() if places.oldest_at else 0,
    ),
}


class ShareReports(Collector):
    """The last measure of the share; a hub that has read none reports nothing."""

    def __init__(self) -> None:
        self._last: ShareUsage | None = None

    def note(self, share: ShareUsage | None) -> None:
        """Report this from now on; None is as good as nothing known."""
        self._last = share

    def describe(self) -> Iterator[Metric]:
        """Yield the gauges without their values."""
        for name, (text, _) in _SHARE.items():
            yield _make_gauge(name, text)
        for name, (text, _) in _PLACES.items():
            yield _make_gauge(name, text, "kind")

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, as prometheus_client asks for them at each scrape."""
        share = self._last
        if share is None:
            return
        for name, (text, find) in _SHARE.items():
            gauge = _make_gauge(name, text)
            gauge.add_metric([], find(share))
            yield gauge
        kinds = {"homes": share.homes, "datasets": share.datasets}
        for name, (text, find_of) in _PLACES.items():
            gauge = _make_gauge(name, text, "kind")
            for kind, places in kinds.items():
                if places.count or places.unmeasured:
                    gauge.add_metric([kind], find_of(places))
            yield gauge


def _make_gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"jhub_gateway_share_{name}", text, labels=labels)


SHARE_REPORTS = ShareReports()
REGISTRY.register(SHARE_REPORTS)

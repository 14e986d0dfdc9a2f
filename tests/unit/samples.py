"""What the metrics of this process say, as Prometheus would read it."""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Metric


def read(name: str, **labels: str) -> float:
    """Return the value of a sample, by its whole name; 0 where there is none."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def list_own() -> Iterator[Metric]:
    """Yield what this project's modules have registered, with or without values."""
    for collector in list(REGISTRY._collector_to_names):
        describe = getattr(collector, "describe", collector.collect)
        yield from (one for one in describe() if one.name.startswith("jhub_gateway_"))

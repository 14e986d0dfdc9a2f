"""What the hub counts of the memory that servers really used."""

from prometheus_client import Histogram

_RATIO = Histogram(
    "jhub_gateway_memory_used_ratio",
    "Memory that ended servers used at most, as a share of their limit, by profile",
    ["profile"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)


def count_peak(profile: str, peak: int, memory: int) -> None:
    """A server of ``memory`` bytes has ended, which used ``peak`` bytes at most."""
    _RATIO.labels(profile).observe(peak / memory)

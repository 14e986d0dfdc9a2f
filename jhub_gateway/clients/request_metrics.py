"""How the Kubernetes API answers, for Prometheus: whether it is slow, too busy or silent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Histogram

_SECONDS = Histogram(
    "jhub_gateway_api_request_seconds",
    "Seconds of requests to the Kubernetes API, by the answer's status (0: none in time)",
    ["method", "status"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)


@dataclass
class Measured:
    """A request that is under way; ``status`` is to be set once it is answered."""

    status: int = 0


@contextmanager
def measure_request(method: str) -> Iterator[Measured]:
    """Measure what is done within, also where it raises."""
    request, begun = Measured(), time.monotonic()
    try:
        yield request
    finally:
        _SECONDS.labels(method, str(request.status)).observe(time.monotonic() - begun)

"""What the hub counts of starts and ends, beside JupyterHub's own metrics."""

from prometheus_client import Counter

from jhub_gateway.models import Reason

_FAILURES = Counter(
    "jhub_gateway_start_failures",
    "Servers that did not start, by reason",
    ["reason"],
)
_ENDS = Counter(
    "jhub_gateway_server_ends",
    "Servers that ended by themselves, by reason",
    ["reason"],
)
_RETRIES = Counter(
    "jhub_gateway_api_retries",
    "Requests for pods that the Kubernetes API did not carry out, and that were sent again",
    ["act", "status"],
)


def count_failed_start(reason: Reason) -> None:
    """A start has failed."""
    _FAILURES.labels(reason.code).inc()


def count_end(reason: Reason) -> None:
    """A server that ran has ended, and nobody has stopped it."""
    _ENDS.labels(reason.code).inc()


def count_retry(act: str, status: int) -> None:
    """A request is sent again: 429 where the API server is too busy, 0 where it is silent."""
    _RETRIES.labels(act, str(status)).inc()

"""What the hub counts of starts that it refused: the user's to mend, unlike failures."""

from prometheus_client import Counter

_REFUSALS = Counter(
    "jhub_gateway_start_refusals",
    "Starts of servers that were refused, by reason",
    ["reason"],
)


def count_refusal(code: str) -> None:
    """A start was refused; ``code`` is that of a :class:`~jhub_gateway.errors.StartRefused`."""
    _REFUSALS.labels(code).inc()

"""What the hub counts of starts and ends, beside JupyterHub's own metrics."""

from collections.abc import Mapping

from prometheus_client import Counter, Histogram

from jhub_gateway.models import Reason

_SECONDS = Histogram(
    "jhub_gateway_start_seconds",
    "Seconds from the beginning of a start until its server answered, by profile",
    ["profile"],
    buckets=(2, 5, 10, 20, 30, 60, 120, 300, 600),
)
_STAGES = Histogram(
    "jhub_gateway_start_stage_seconds",
    "Seconds that a start which went well was in each stage, by profile",
    ["stage", "profile"],
    buckets=(0.3, 1, 3, 10, 30, 60, 120, 300, 600),
)
_FAILURES = Counter(
    "jhub_gateway_start_failures",
    "Servers that did not start, by reason, by the stage that their start was in, and by profile",
    ["reason", "stage", "profile"],
)
_RESCUES = Counter(
    "jhub_gateway_rescue_starts",
    "Starts in rescue mode, as the home takes more than it may",
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


def measure_start(profile: str, stages: Mapping[str, float]) -> None:
    """A server answers; ``stages`` are the seconds of its start by stage.

    ``profile`` is a slug of the hub's settings, never what a request says.
    """
    _SECONDS.labels(profile).observe(sum(stages.values()))
    for stage, seconds in stages.items():
        _STAGES.labels(stage, profile).observe(seconds)


def count_failed_start(reason: Reason, stage: str, profile: str) -> None:
    """A start has failed in this stage."""
    _FAILURES.labels(reason.code, stage, profile).inc()


def count_rescue() -> None:
    """A start is made in rescue mode."""
    _RESCUES.inc()


def count_end(reason: Reason) -> None:
    """A server that ran has ended, and nobody has stopped it."""
    _ENDS.labels(reason.code).inc()


def count_retry(act: str, status: int) -> None:
    """A request is sent again: 429 where the API server is too busy, 0 where it is silent."""
    _RETRIES.labels(act, str(status)).inc()

"""What a start says whose pod runs, and nothing answers there."""

from jhub_gateway.models import Reason

_AGAIN = "Try again, and tell the gateway's operators if that doesn't help."


def make_silence(url: str, seconds: float) -> Reason:
    """Return why a pod that runs was given up: no server answers in it."""
    return Reason(
        "timeout",
        f"Your server was started, and did not answer within {seconds:.0f} seconds. {_AGAIN}",
        f"nothing listens at {url} after {seconds:.0f} s: a slow server, or a NetworkPolicy",
    )

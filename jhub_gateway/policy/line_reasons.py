"""What a start waits for that is in line for room, and why it fails where none comes."""

from jhub_gateway.models import Reason
from jhub_gateway.policy.estimates import describe_seconds
from jhub_gateway.policy.reason_codes import make_reason

_NO_ROOM = "no-room"


def make_line_reason(number: int, count: int) -> Reason:
    """Return what is told to who is this number, from 1, of so many in line."""
    sentence = (
        f"No room now: you are number {number} of {count} in line. "
        "Your server starts as soon as there is room."
    )
    return make_reason(_NO_ROOM, sentence, f"number {number} of {count} in line", is_final=False)


def make_line_timeout(last: Reason | None, seconds: float) -> Reason:
    """Return the final reason of a start that was in line for so long; ``last`` is its place."""
    sentence = (
        f"No room has come free in {describe_seconds(seconds)}. Try a smaller size, or again later."
    )
    place = last.cause if last else "its place is not known"
    return make_reason(_NO_ROOM, sentence, f"{seconds:.0f} s in line, last as {place}")

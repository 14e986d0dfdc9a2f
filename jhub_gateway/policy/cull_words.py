"""What users read of a server that stops, or was stopped, because nobody needed it."""

from jhub_gateway.models import CullPolicy, Reason
from jhub_gateway.policy.reason_codes import make_reason

_AFTERWARDS = (
    "Your files are all there. What notebooks held in memory is gone. Start it again when you need "
    "it."
)
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def describe_cause(policy: CullPolicy, cause: str) -> str:
    """Return why a server stops, to follow "because": ``cause`` is that of a CullVerdict."""
    if cause == "age":
        return f"it runs for at most {describe_duration(policy.max_age or 0)}"
    unused = f"nobody has used it for {describe_duration(policy.idle_after or 0)}"
    if cause == "busy":
        busy = describe_duration(policy.busy_max or 0)
        return f"{unused}, and a program counts as use for at most {busy}"
    return unused


def describe_stop(policy: CullPolicy) -> str:
    """Return when a server is stopped, in short; empty if it never is."""
    limits = (policy.idle_after, "without use"), (policy.max_age, "in any case")
    ends = [f"{describe_duration(seconds)} {words}" for seconds, words in limits if seconds]
    return f"Stops after {' or '.join(ends)}" if ends else ""


def make_cull_reason(policy: CullPolicy, cause: str, cause_in_log: str) -> Reason:
    """Return why a server was stopped, for its user's pages and for the log."""
    why = describe_cause(policy, cause).replace("has used", "had used").replace("it runs", "it ran")
    sentence = f"It was stopped because {why}. {_AFTERWARDS}"
    return make_reason(f"culled-{cause}", sentence, cause_in_log)


def describe_duration(seconds: float) -> str:
    """Return a length of time as people say it, at most 5 % off: ``"3 hours"``, ``"90 minutes"``.

    It takes the largest unit that keeps to that.
    """
    for length, unit in _UNITS:
        count = round(seconds / length)
        if count and abs(count * length - seconds) <= 0.05 * seconds:
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "1 second" if seconds > 0 else "0 seconds"


def describe_more(seconds: float) -> str:
    """Return it as what is added: ``"4 more hours"``; empty for none."""
    if seconds <= 0:
        return ""
    count, unit = describe_duration(seconds).split()
    return f"{count} more {unit}"

"""The codes of all reasons, which label them in the metrics, and how a reason is made."""

from jhub_gateway.models import Reason
from jhub_gateway.policy.redaction import redact

CODES = frozenset(
    {
        # A machine for the server
        "no-room",
        "scheduling",
        "unschedulable",
        "unschedulable-cpu",
        "unschedulable-memory",
        "unschedulable-taint",
        "unschedulable-volume",
        # Its image
        "image-not-found",
        "image-pull-denied",
        "image-pull-slow",
        "pulling-image",
        # What is mounted, and what runs before it
        "home-refused",
        "init-failed",
        "mount-failed",
        "mounting",
        # The server itself
        "crash-at-start",
        "misconfigured",
        "oom-at-start",
        "starting",
        "timeout",
        # What the API server answered
        "admission-refused",
        "api-unavailable",
        "forbidden",
        "forbidden-by-policy",
        "quota",
        # How it ended
        "crashed",
        "culled-age",
        "culled-busy",
        "culled-idle",
        "deleted",
        "ended",
        "evicted",
        "node-lost",
        "oom",
    }
)

_LONGEST_TEXT = 65536
_LONGEST_CAUSE = 1000
_LONGEST_NAME = 200


def make_reason(code: str, sentence: str, cause: str, is_final: bool = True) -> Reason:
    """Return the reason, with the ``cause`` on one line and without secrets."""
    if code not in CODES:
        raise ValueError(f"{code!r} is no code of a reason")
    return Reason(code, sentence, make_cause(cause), is_final)


def make_cause(text: str) -> str:
    """Return what Kubernetes said as one line of at most 1000 characters, without secrets."""
    # Cut off last: half a secret is one that no expression knows any more.
    line = " ".join(redact(text[:_LONGEST_TEXT]).split())
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 1] + "…"


def make_name(text: str) -> str:
    """Return the name of an object or an image as it is shown to a user."""
    letters = redact(text[:_LONGEST_TEXT])[:_LONGEST_NAME]
    return "".join(letter for letter in letters if letter.isprintable()).strip()

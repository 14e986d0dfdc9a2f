"""What it means for a start that the API server did not make its pod."""

import json
import re
from collections.abc import Mapping
from math import inf
from typing import Any

from jhub_gateway.models import Reason
from jhub_gateway.policy.container_facts import read_memory
from jhub_gateway.policy.kube_objects import Object, read_text
from jhub_gateway.policy.reason_codes import make_reason

_TELL = "Tell the gateway's operators."
_BUSY = "Waiting for the cluster, which is slow to answer."
_QUOTA = (
    "All that this gateway may use of the cluster is taken. Choose a smaller size, or try again in "
    "some minutes."
)
_TOO_LARGE = "This size is larger than the cluster allows. Choose a smaller size."
_POLICY = f"The cluster's security policy does not allow this server. {_TELL}"
_REFUSED = f"The cluster's rules do not allow this server. {_TELL}"
_FORBIDDEN = f"The hub may not start servers on the cluster. {_TELL}"
_REMOVED = f"The part of the cluster where servers run is being removed. {_TELL}"
_MISCONFIGURED = f"Your server can't be made from the hub's settings. {_TELL}"

# The first that the message has counts, whatever the status is: a webhook chooses its own.
_MESSAGES = (
    (r"admission webhook .{1,300} denied the request", "admission-refused", _REFUSED),
    (r"ValidatingAdmissionPolicy .{1,300} denied request", "admission-refused", _REFUSED),
    (r"violates PodSecurity ", "forbidden-by-policy", _POLICY),
    (r"unable to validate against any (?:pod security policy|security context)",
     "forbidden-by-policy", _POLICY),
    (r"maximum \S{1,100} usage per ", "admission-refused", _TOO_LARGE),
    (r"minimum \S{1,100} usage per ", "admission-refused", _REFUSED),
    (r"max limit to request ratio per ", "admission-refused", _REFUSED),
    (r"failed quota: ", "misconfigured", _MISCONFIGURED),
    (r"insufficient quota to consume", "quota", _QUOTA),
    (r"because it is being terminated", "admission-refused", _REMOVED),
    (r"error looking up service account", "misconfigured", _MISCONFIGURED),
    (r"^namespaces \S{1,100} not found", "misconfigured", _MISCONFIGURED),
    (r"no PriorityClass with name", "misconfigured", _MISCONFIGURED),
    (r"\bcannot \w{1,40} resource ", "forbidden", _FORBIDDEN),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern), code, said) for pattern, code, said in _MESSAGES)
_EXCEEDED = re.compile(r"exceeded quota: ")
_AMOUNTS = re.compile(r"(requested|limited): ((?:[\w./-]{1,100}=[\w.]{1,40},?){1,50})")
# The API server's own, which pass: its quota is not counted yet, or was counted by two at once.
_PASSING = re.compile(r"status unknown for quota|Operation cannot be fulfilled on resourcequotas")
_PASSING_STATUSES = (0, 408, 429)
# Until an API server that has just started knows everybody's rights, it denies them. The hub's own
# were there when it started.
COLD_SECONDS = 30


def find_answer_reason(
    status: int, body: Mapping[str, Any] | str | None, lasted: float = inf
) -> Reason:
    """Return what a refused or failed request to make a pod means.

    ``status`` is the HTTP status, 0 for a time-out or no connection. ``body`` is Kubernetes'
    Status, as JSON or read from it. What may go well if it is asked again is not final; a right
    that is denied may, until that has ``lasted`` for 30 seconds.
    """
    reason = _judge(status, body)
    if reason.code == "forbidden" and lasted < COLD_SECONDS:
        return make_reason("api-unavailable", _BUSY, reason.cause, is_final=False)
    return reason


def _judge(status: int, body: Mapping[str, Any] | str | None) -> Reason:
    answer = _read_body(body)
    message = read_text(answer, "message")
    cause = f"the API server answered {status}: {message}" if status else "no answer in time"
    if status in _PASSING_STATUSES or status >= 500 or status < 400 or _PASSING.search(message):
        return make_reason("api-unavailable", _BUSY, cause, is_final=False)
    if _EXCEEDED.search(message):
        return make_reason("quota", _TOO_LARGE if _can_never_fit(message) else _QUOTA, cause)
    for pattern, code, sentence in _PATTERNS:
        if pattern.search(message):
            return make_reason(code, sentence, cause)
    return _judge_status(status, cause)


def _judge_status(status: int, cause: str) -> Reason:
    if status == 401:
        return make_reason("forbidden", _FORBIDDEN, cause)
    if status == 403:
        return make_reason("admission-refused", _REFUSED, cause)
    if status == 404:
        # By what stands before the API server, where there always are pods.
        return make_reason("api-unavailable", _BUSY, cause, is_final=False)
    if status == 409:
        sentence = "Waiting for an earlier server of yours to be removed."
        return make_reason("api-unavailable", sentence, cause, is_final=False)
    return make_reason("misconfigured", _MISCONFIGURED, cause)


def _can_never_fit(message: str) -> bool:
    """Whether the pod alone asks for more memory than the quota has."""
    amounts = {
        kind: dict(pair.partition("=")[::2] for pair in text.split(",") if pair)
        for kind, text in _AMOUNTS.findall(message)
    }
    requested, limited = amounts.get("requested", {}), amounts.get("limited", {})
    return any(
        read_memory(requested[name]) > read_memory(limited.get(name)) > 0
        for name in requested
        if name.endswith("memory")
    )


def _read_body(body: object) -> Object:
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            text = body.decode(errors="replace") if isinstance(body, bytes) else body
            return {"message": text}
    return body if isinstance(body, Mapping) else {}

"""How far a user pod is, from the pod as the API server has it."""

from collections.abc import Mapping
from typing import Any

NOTEBOOK = "notebook"
# A server that has ended so often in its pod will do so again.
_MOST_RESTARTS = 3

Pod = Mapping[str, Any]


def get_notebook_status(pod: Pod) -> Mapping[str, Any]:
    """Return the status of the container that the server runs in; empty if there is none yet."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return next((one for one in statuses if one.get("name") == NOTEBOOK), {})


def is_over(pod: Pod) -> bool:
    """Whether the server in the pod has ended for good."""
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return True
    status = get_notebook_status(pod)
    state = status.get("state") or {}
    if ended := state.get("terminated"):
        never = pod.get("spec", {}).get("restartPolicy") == "Never"
        return never or not ended.get("exitCode")
    waiting = (state.get("waiting") or {}).get("reason")
    return waiting == "CrashLoopBackOff" and status.get("restartCount", 0) >= _MOST_RESTARTS


def is_notebook_restarting(pod: Pod) -> bool:
    """Whether the server has failed, and Kubernetes starts it again in its pod."""
    state = get_notebook_status(pod).get("state") or {}
    return bool(state.get("terminated")) and not is_over(pod)

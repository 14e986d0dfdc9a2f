"""Why a server that ran has ended, or was started again inside its pod."""

from collections.abc import Mapping, Sequence
from typing import Any

from jhub_gateway.models import Reason
from jhub_gateway.policy.container_facts import ContainerFacts, find_memory_limit, find_notebook
from jhub_gateway.policy.kube_objects import describe_status, read_events
from jhub_gateway.policy.pod_ends import find_end_in_events, find_pod_end, make_deleted
from jhub_gateway.policy.reason_codes import make_reason

_ENDED = "Your server has ended. Start it again when you need it."
_CRASHED = (
    "Your server ended by an error. Start it again, and tell the gateway's operators if it happens "
    "again."
)
_CRASHED_AND_RESTARTED = (
    "Your server ended unexpectedly and was started again. What your notebooks held in memory is "
    "gone; run them again."
)


def find_end_reason(
    pod: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]] = ()
) -> Reason:
    """Return why a server that ran has ended.

    ``pod`` is the pod as the API server has it, or ``None`` if it is gone; ``events`` are core/v1
    Events of it in any order. Every reason is final.
    """
    own = read_events(pod, events)
    if pod is None:
        return find_end_in_events(own) or make_deleted("there is no such pod any more")
    notebook = find_notebook(pod)
    if notebook is not None and notebook.is_out_of_memory and not notebook.is_running:
        return _make_out_of_memory(pod, notebook)
    if notebook is None or not notebook.ended:
        unseen = make_reason("ended", _ENDED, describe_status(pod))
        return find_pod_end(pod, own) or find_end_in_events(own) or unseen
    return find_pod_end(pod, own) or _find_own_end(notebook)


def find_restart(pod: Mapping[str, Any] | None) -> Reason | None:
    """Return why the server was started again inside its pod; None if it wasn't.

    The reason is not final: the server goes on.
    """
    notebook = find_notebook(pod)
    if notebook is None or not (notebook.restarts and notebook.ended):
        return None
    if notebook.is_out_of_memory:
        memory = _describe_memory(pod)
        sentence = (
            f"Your server ran out of {memory} and was started again. What your notebooks held in "
            "memory is gone; choose a larger size if it happens again."
        )
        return make_reason("oom", sentence, notebook.describe_end(), is_final=False)
    return make_reason("crashed", _CRASHED_AND_RESTARTED, notebook.describe_end(), is_final=False)


def _find_own_end(notebook: ContainerFacts) -> Reason:
    if notebook.has_failed and not notebook.was_asked_to_end:
        return make_reason("crashed", _CRASHED, notebook.describe_end())
    return make_reason("ended", _ENDED, notebook.describe_end())


def _make_out_of_memory(pod: object, notebook: ContainerFacts) -> Reason:
    sentence = (
        f"Your server ran out of {_describe_memory(pod)}. Start it in a larger size, or work on "
        "less data at a time."
    )
    return make_reason("oom", sentence, notebook.describe_end())


def _describe_memory(pod: object) -> str:
    limit = find_memory_limit(pod)
    return f"its {limit} of memory" if limit else "memory"

"""Reading what Kubernetes answered, as plain JSON, without trusting its shape.

What isn't there, or is something else than expected, reads as empty.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Object = Mapping[str, Any]


def read_object(value: object, *path: str) -> Object:
    """Return the object at ``path`` below ``value``, or an empty one."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def read_objects(value: object, *path: str) -> list[Object]:
    """Return the objects of the list at ``path``; what is no object is left out."""
    *parents, last = path
    found = read_object(value, *parents).get(last)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def read_text(value: object, *path: str) -> str:
    """Return the text at ``path``, or an empty one."""
    *parents, last = path
    found = read_object(value, *parents).get(last)
    return found if isinstance(found, str) else ""


def read_number(value: object, *path: str) -> int:
    """Return the whole number at ``path``, or 0."""
    *parents, last = path
    found = read_object(value, *parents).get(last)
    return found if isinstance(found, int) else 0


def read_condition(pod: object, name: str) -> Object:
    """Return the pod's condition ``name``, or an empty one."""
    conditions = read_objects(pod, "status", "conditions")
    return next((one for one in conditions if one.get("type") == name), {})


def describe_status(pod: object) -> str:
    """Return for the operator what the pod's status says of the pod as a whole."""
    parts = (read_text(pod, "status", key) for key in ("phase", "reason", "message"))
    return "the pod's status: " + (": ".join(part for part in parts if part) or "empty")


def read_events(pod: object, events: Iterable[object]) -> list[Object]:
    """Return the events of this very pod, the newest last.

    Another pod of the same name had another UID.
    """
    uid = read_text(pod, "metadata", "uid")
    own = (one for one in events if isinstance(one, Mapping))
    # Where two have the same second, what happens later in a start comes later.
    return sorted(
        (one for one in own if uid in ("", read_text(one, "involvedObject", "uid") or uid)),
        key=lambda one: (read_event_time(one), _STAGES.get(read_text(one, "reason"), 0)),
    )


def read_event_time(event: object) -> float:
    """Return when the event was last seen, in seconds since 1970; 0 where it doesn't say."""
    return max(
        _read_time(read_text(event, "series", "lastObservedTime")),
        _read_time(read_text(event, "lastTimestamp")),
        _read_time(read_text(event, "eventTime")),
    ) or _read_time(read_text(event, "metadata", "creationTimestamp"))


def read_event_count(event: object) -> int:
    """Return how often the same was seen; 1 where the event doesn't say."""
    return max(read_number(event, "count"), read_number(event, "series", "count"), 1)


_STAGES = {
    name: stage
    for stage, names in enumerate(
        (
            ("FailedScheduling", "NotTriggerScaleUp"),
            ("TriggeredScaleUp", "Nominated"),
            ("Scheduled",),
            ("FailedAttachVolume", "FailedMount", "VolumePermissionChangeInProgress"),
            ("SuccessfulAttachVolume",),
            ("FailedCreatePodSandBox", "NetworkNotReady"),
            ("Pulling",),
            ("Failed",),
            ("Pulled",),
            ("Created",),
            ("Started",),
            ("BackOff",),
        ),
        start=1,
    )
    for name in names
}


def _read_time(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        return 0.0

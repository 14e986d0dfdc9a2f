"""What the hub's side sends with its question: checked before anything of it is shown."""

import json
from typing import Any

from jhub_gateway.notebook.stop_notice import Stop

MOST_BYTES = 4096
MOST_SECONDS = 10 * 366 * 86400
MOST_CHARACTERS = 500

_CAUSES = ("", "idle", "busy", "age")


def read_stop(body: bytes) -> Stop | None:
    """Return the stop that the body of a request announces, or None for no stop.

    Raises ValueError, with a sentence, for anything else than the JSON object of the interface.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(found, dict) or "stop" not in found:
        raise ValueError("the body is not an object with stop")
    stop = found["stop"]
    if stop is None:
        return None
    if not isinstance(stop, dict):
        raise ValueError("stop is neither an object nor null")
    return Stop(
        _read_seconds(stop, "seconds"),
        _read_why(stop),
        _read_seconds(stop, "keep_seconds"),
        _read_cause(stop),
    )


def _read_seconds(stop: dict[str, Any], key: str) -> float:
    value = stop.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key} is no number")
    # Not a number is in no range either.
    if not 0 <= value <= MOST_SECONDS:
        raise ValueError(f"{key} is not from 0 to {MOST_SECONDS} seconds")
    return float(value)


def _read_why(stop: dict[str, Any]) -> str:
    why = stop.get("why")
    if not isinstance(why, str) or not why.isprintable() or len(why) > MOST_CHARACTERS:
        raise ValueError(f"why is not a line of at most {MOST_CHARACTERS} characters")
    return why


def _read_cause(stop: dict[str, Any]) -> str:
    cause = stop.get("cause", "")
    if cause not in _CAUSES:
        raise ValueError("cause is none of idle, busy and age")
    return str(cause)

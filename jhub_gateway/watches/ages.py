"""How old what the hub sees of the cluster is."""

import time
from functools import partial
from math import nan

from prometheus_client import Gauge

_contacts: dict[str, float] = {}

_AGE = Gauge(
    "jhub_gateway_watch_age_seconds",
    "Seconds since the Kubernetes API last answered a watch, by what is watched",
    ["kind"],
)


def note_contact(kind: str) -> None:
    """The API server has just answered the watch of this kind, such as ``pods``."""
    if kind not in _contacts:
        _AGE.labels(kind).set_function(partial(_find_age, kind))
    _contacts[kind] = time.monotonic()


def forget_contact(kind: str) -> None:
    """Nothing of this kind is watched now."""
    if _contacts.pop(kind, None) is not None:
        _AGE.remove(kind)


def watch_ages() -> dict[str, float]:
    """Return the seconds since the API server last answered each watch, by kind."""
    now = time.monotonic()
    return {kind: now - contact for kind, contact in _contacts.items()}


def _find_age(kind: str) -> float:
    # Asked for at each scrape, when it may have been forgotten.
    return watch_ages().get(kind, nan)

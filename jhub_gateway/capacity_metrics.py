"""What the hub tells Prometheus of the room that there is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import nan

from prometheus_client import Gauge

from jhub_gateway.policy.capacity import Capacity

_FREE = Gauge(
    "jhub_gateway_profile_free_servers",
    "How many more servers of a profile find room now; NaN where that is not known",
    ["profile"],
)
_IN_LINE = Gauge(
    "jhub_gateway_servers_in_line",
    "Starts of a profile that wait in line for room, before their pods are made",
    ["profile"],
)


def show_free_servers(slugs: Iterable[str], find: Callable[[], Mapping[str, Capacity]]) -> None:
    """Tell it of each profile from now on; ``find`` is asked at each scrape."""
    for slug in slugs:
        _FREE.labels(slug).set_function(partial(_count_free, slug, find))


def show_servers_in_line(slugs: Iterable[str], list_waiting: Callable[[], Sequence[str]]) -> None:
    """Tell it of each profile from now on; ``list_waiting`` returns the profiles in line."""
    for slug in slugs:
        _IN_LINE.labels(slug).set_function(partial(_count_waiting, slug, list_waiting))


def _count_waiting(slug: str, list_waiting: Callable[[], Sequence[str]]) -> float:
    return list_waiting().count(slug)


def _count_free(slug: str, find: Callable[[], Mapping[str, Capacity]]) -> float:
    capacity = find().get(slug)
    return nan if capacity is None else capacity.free

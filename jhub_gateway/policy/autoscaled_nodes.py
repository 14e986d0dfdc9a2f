"""Which nodes the cluster's autoscaler adds, as the operator wrote it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_labels, read_slug


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes that come when there are pods for them.

    ``labels`` are on each of them. ``profiles`` are the slugs of those that start there, ``None``
    for all whose servers choose such nodes. ``max_nodes`` is ``None`` without an end.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    profiles: frozenset[str] | None = None
    max_nodes: int | None = None


def _read_slugs(value: object) -> frozenset[str]:
    if not isinstance(value, (list, tuple, set, frozenset)) or not value:
        raise ValueError(f"{value!r} must be a list of slugs; leave it out for all profiles")
    return frozenset(map(read_slug, value))


def _read_most(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} must be a whole number of nodes, at least 1")
    return value


_KIND = EntryKind(
    trait="autoscaled_nodes",
    noun="nodes",
    required=("labels",),
    readers={"labels": read_labels, "profiles": _read_slugs, "max_nodes": _read_most},
)


def parse_pools(entries: Iterable[Any]) -> tuple[NodePool, ...]:
    """Return the pools that an operator wrote as ``autoscaled_nodes``.

    Raises ConfigurationError with a sentence that names the entry and the key.
    """
    return tuple(NodePool(**values) for values in _KIND.read(entries))


def find_strange_profiles(
    entries: Iterable[Any], slugs: Iterable[str]
) -> Iterator[ConfigurationError]:
    """Yield a problem for each profile that an entry names and that is not there."""
    known = set(slugs)
    for place, pool in enumerate(parse_pools(entries)):
        for slug in sorted((pool.profiles or frozenset()) - known):
            yield ConfigurationError(
                f"autoscaled_nodes: nodes {dict(pool.labels)!r}: profiles: there is no profile "
                f"{slug!r}",
                ("autoscaled_nodes", place, "profiles"),
            )

"""How much a home may take, and when it takes too much."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import HomeQuota, Usage
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_groups, read_size
from jhub_gateway.policy.groups import is_open_to

_KIND = EntryKind(
    trait="home_quota",
    noun="size",
    required=("size",),
    readers={"size": read_size, "groups": read_groups, "profiles": read_groups},
)
# A kernel that enforces a quota lets no home go over it, so that one at it is full.
_FULL = 0.99


def parse_quotas(setting: str | Sequence[Mapping[str, Any]]) -> tuple[HomeQuota, ...]:
    """Return the quotas that an operator wrote as ``home_quota``: a size, or a list of entries.

    Raises ConfigurationError.
    """
    if not setting:
        return ()
    if isinstance(setting, str):
        try:
            return (HomeQuota(read_size(setting)),)
        except ValueError as error:
            raise ConfigurationError(f"home_quota: {error}") from None
    return tuple(HomeQuota(**values) for values in _KIND.read(setting))


def find_quota(
    quotas: Iterable[HomeQuota], groups: Collection[str], profiles: Collection[str]
) -> int | None:
    """Return the largest quota, in bytes, for a member of ``groups`` with any of ``profiles``.

    ``profiles`` are slugs. ``None`` is no limit, where no entry applies.
    """
    sizes = [
        quota.size
        for quota in quotas
        if is_open_to(groups, quota.groups) and is_open_to(profiles, quota.profiles)
    ]
    return max(sizes, default=None)


def combine_limits(quota: int | None, usage: Usage | None) -> int | None:
    """Return what holds of the hub's quota and the file system's own, in bytes."""
    own = None if usage is None else usage.limit
    limits = [limit for limit in (quota, own) if limit is not None]
    return min(limits, default=None)


def is_full(usage: Usage | None, quota: int | None) -> bool:
    """Whether a home takes more than it may, by what is known of it."""
    if usage is None:
        return False
    if usage.limit is not None and usage.used >= usage.limit * _FULL:
        return True
    return quota is not None and usage.used > quota

"""Memory profiles: reading them, and deciding who may have which."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jhub_gateway.errors import ConfigurationError, ProfileNotAllowed, raise_together
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import (
    read_counts,
    read_flag,
    read_groups,
    read_labels,
    read_mapping,
    read_mappings,
    read_memory,
    read_number,
    read_slug,
    read_text,
)
from jhub_gateway.policy.groups import is_open_to

_KIND = EntryKind(
    trait="memory_profiles",
    noun="profile",
    required=("slug", "display_name", "memory"),
    readers={
        "slug": read_slug,
        "display_name": read_text,
        "description": read_text,
        "memory": read_memory,
        "memory_guarantee": read_memory,
        "cpu": read_number,
        "cpu_guarantee": read_number,
        "allowed_groups": read_groups,
        "node_selector": read_labels,
        "tolerations": read_mappings,
        "extra_resource_limits": read_counts,
        "image": read_text,
        "default": read_flag,
        "cull": read_mapping,
    },
)


def parse_profiles(entries: Sequence[Mapping[str, Any]]) -> tuple[MemoryProfile, ...]:
    """Return the profiles that an operator wrote as ``memory_profiles``.

    Each entry is a mapping with the keys of :class:`~jhub_gateway.models.MemoryProfile`;
    ``memory`` is an amount such as "4G", and ``memory_guarantee`` is the limit unless given.

    Raises ConfigurationError with a sentence that names the profile and the key.
    """
    values, problems = _KIND.scan(entries)
    profiles = {place: _make_profile(found) for place, found in values.items()}
    for place, profile in profiles.items():
        problems += _find_guarantees(profile, place)
    problems += _KIND.find_repeated({place: one.slug for place, one in profiles.items()})
    problems += _find_second_defaults(profiles)
    raise_together(problems)
    return tuple(profiles.values())


def allowed_profiles(
    profiles: Iterable[MemoryProfile], groups: Iterable[str]
) -> tuple[MemoryProfile, ...]:
    """Return the profiles that a member of ``groups`` may have, in the operator's order."""
    mine = frozenset(groups)
    return tuple(profile for profile in profiles if is_open_to(mine, profile.allowed_groups))


def choose_profile(
    profiles: Iterable[MemoryProfile], groups: Iterable[str], slug: object = None
) -> MemoryProfile:
    """Return the profile of a start: the one asked for, else the user's default.

    The default is the profile marked so; where the user may not have that one, it is the
    first that they may have.

    Raises ProfileNotAllowed, with a sentence for the user.
    """
    mine = allowed_profiles(profiles, groups)
    if not mine:
        raise ProfileNotAllowed(
            "None of this gateway's server sizes is open to you. "
            "Ask the gateway's support for access."
        )
    if not slug:
        return next((profile for profile in mine if profile.default), mine[0])
    for profile in mine:
        if profile.slug == slug:
            return profile
    names = ", ".join(profile.display_name for profile in mine)
    raise ProfileNotAllowed(
        f"The server size that was asked for is not open to you. Choose one of these: {names}."
    )


def fill_cpu(profile: MemoryProfile, limit: float | None, guarantee: float | None) -> MemoryProfile:
    """Return the profile with the hub's own cores where it names none, as its servers have them."""
    return replace(
        profile, cpu=profile.cpu or limit, cpu_guarantee=profile.cpu_guarantee or guarantee
    )


def get_reserved_cpu(profile: MemoryProfile) -> float:
    """Return the cores that a server reserves: without a guarantee, Kubernetes takes the limit."""
    return profile.cpu_guarantee or profile.cpu or 0


def make_override(profile: MemoryProfile) -> dict[str, Any]:
    """Return the profile as KubeSpawner's ``kubespawner_override``.

    Tolerations are left out: an override replaces a list, and Zero to JupyterHub's own
    tolerations must stay.
    """
    override: dict[str, Any] = {
        "mem_limit": profile.memory,
        "mem_guarantee": profile.memory_guarantee,
        "cpu_limit": profile.cpu,
        "cpu_guarantee": profile.cpu_guarantee,
        "image": profile.image,
        "node_selector": dict(profile.node_selector) if profile.node_selector else None,
        "extra_resource_limits": profile.extra_resource_limits,
    }
    return {key: value for key, value in override.items() if value is not None}


def _make_profile(values: Mapping[str, Any]) -> MemoryProfile:
    return MemoryProfile(**{"memory_guarantee": values["memory"], **values})


def _find_guarantees(profile: MemoryProfile, place: int) -> Iterator[ConfigurationError]:
    """Yield what is guaranteed over its limit."""
    for key in ("memory", "cpu"):
        guarantee, limit = getattr(profile, f"{key}_guarantee"), getattr(profile, key)
        if guarantee is not None and limit is not None and guarantee > limit:
            yield _KIND.fail(
                profile.slug,
                f"{key}_guarantee ({guarantee}) is over the limit {key} ({limit}); Kubernetes "
                "refuses such a pod",
                place,
                f"{key}_guarantee",
            )


def _find_second_defaults(profiles: Mapping[int, MemoryProfile]) -> Iterator[ConfigurationError]:
    defaults = {place: repr(one.slug) for place, one in profiles.items() if one.default}
    if len(defaults) > 1:
        yield ConfigurationError(
            f"memory_profiles: profiles {' and '.join(defaults.values())}: default: only one can "
            "be it",
            (_KIND.trait, max(defaults), "default"),
        )

"""When servers may be stopped: what the operator wrote, for all servers and for each profile."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from jhub_gateway.errors import ConfigurationError, raise_together
from jhub_gateway.models import CullPolicy, MemoryProfile
from jhub_gateway.policy.entry_values import read_flag, read_groups
from jhub_gateway.policy.suggestions import suggest

_ENDLESS = frozenset({"idle_after", "max_age", "busy_max"})
DEFAULT = CullPolicy()


def parse_cull_policy(
    setting: Mapping[str, Any],
    trait: str = "cull",
    base: CullPolicy = DEFAULT,
    path: tuple[str, ...] = ("cull",),
) -> CullPolicy:
    """Return ``base`` with the keys that an operator wrote, each a field of CullPolicy.

    Durations are numbers of seconds; ``None`` is without end where that is possible. Raises
    ConfigurationError with a sentence that names ``trait`` and the key, and ``path`` to the key.
    """
    known = sorted(field.name for field in fields(CullPolicy))
    values: dict[str, Any] = {}
    problems: list[ConfigurationError] = []
    for key, value in setting.items():
        try:
            values[key] = _read_value(key, value, known)
        except ValueError as error:
            problems.append(ConfigurationError(f"{trait}: {error}", (*path, key)))
    raise_together(problems)
    policy = replace(base, **values)
    raise_together(list(_find_warnings_from_the_start(policy, trait, path)))
    return policy


def parse_profile_policies(
    setting: Mapping[str, Any], profiles: Iterable[MemoryProfile]
) -> dict[str, CullPolicy]:
    """Return the policy of each profile by its slug, and that of all other servers under "".

    ``setting`` is the default, over which each profile's ``cull`` goes. Raises ConfigurationError.
    """
    base = parse_cull_policy(setting)
    policies = {"": base}
    problems: list[ConfigurationError] = []
    for profile in profiles:
        trait = f"memory_profiles: profile {profile.slug!r}: cull"
        path = ("memory_profiles", profile.slug, "cull")
        try:
            policies[profile.slug] = parse_cull_policy(profile.cull, trait, base, path)
        except ConfigurationError as problem:
            problems += [problem, *problem.others]
    raise_together(problems)
    return policies


def is_exempt(policy: CullPolicy, groups: Collection[str]) -> bool:
    """Whether servers of a member of ``groups`` are never stopped for want of use or for age."""
    return not policy.exempt_groups.isdisjoint(groups)


def _read_value(key: str, value: object, known: Sequence[str]) -> Any:
    if key not in known:
        raise ValueError(
            f"unknown key {key!r}{suggest(key, known)}; the keys are {', '.join(known)}"
        )
    try:
        return _read_known(key, value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _read_known(key: str, value: object) -> Any:
    if key == "busy_counts_as_active":
        return read_flag(value)
    if key == "exempt_groups":
        return frozenset() if value in ([], ()) else read_groups(value)
    if value is None and key in _ENDLESS:
        return None
    return _read_seconds(value, least=1 if key in ("idle_after", "max_age") else 0)


def _read_seconds(value: object, least: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    seconds = float(value) if is_number else math.nan  # type: ignore[arg-type]
    if not math.isfinite(seconds) or seconds < least:
        raise ValueError(f"{value!r} must be a number of seconds, at least {least:g}")
    return seconds


def _find_warnings_from_the_start(
    policy: CullPolicy, trait: str, path: tuple[str, ...]
) -> Iterator[ConfigurationError]:
    """Yield a warning that would be there from the start on, whatever the user does."""
    for key in ("idle_after", "max_age"):
        limit = getattr(policy, key)
        if limit is not None and policy.warn_before >= limit:
            yield ConfigurationError(
                f"{trait}: warn_before ({policy.warn_before:g}) is not less than {key} "
                f"({limit:g}): users would be warned all the time",
                (*path, key),
            )

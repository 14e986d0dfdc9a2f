"""Profiles that fit no node of the cluster."""

from collections.abc import Iterator, Sequence
from typing import Any

from jhub_gateway.checks.report import Problem
from jhub_gateway.checks.site import Site
from jhub_gateway.models import MemoryProfile, Node
from jhub_gateway.policy.node_fit import Needs, find_misfit
from jhub_gateway.policy.profiles import fill_cpu, get_reserved_cpu, make_override
from jhub_gateway.policy.setting_paths import Path


def find_misfits(site: Site, nodes: Sequence[Node]) -> Iterator[Problem]:
    """Yield each profile whose servers could start on no node, or never have their memory."""
    spawner = site.spawner
    for place, profile in enumerate(spawner.profiles):
        if misfit := find_misfit(_make_needs(spawner, profile, profile.memory_guarantee), nodes):
            key, sentence = misfit
            keys = (f"{key}_guarantee", key) if key in ("memory", "cpu") else (key,)
            yield Problem(_locate(site, place, keys), sentence)
        elif misfit := find_misfit(_make_needs(spawner, profile, profile.memory), nodes):
            sentence = f"for all of its limit {misfit[1]}"
            yield Problem(_locate(site, place, ("memory",)), sentence, is_warning=True)


def _make_needs(spawner: Any, profile: MemoryProfile, memory: int) -> Needs:
    """Return what KubeSpawner makes of the hub's settings and the profile's together."""
    own = make_override(profile)
    limits = {**spawner.extra_resource_limits, **own.get("extra_resource_limits", {})}
    return Needs(
        memory=memory,
        cpu=get_reserved_cpu(fill_cpu(profile, spawner.cpu_limit, spawner.cpu_guarantee)),
        selector={**spawner.node_selector, **own.get("node_selector", {})},
        tolerations=[*_list_values(spawner.tolerations), *profile.tolerations],
        affinity=_list_values(spawner.node_affinity_required),
        # Without a guarantee of its own, a limit is one.
        resources={**limits, **spawner.extra_resource_guarantees},
    )


def _list_values(values: Any) -> list[Any]:
    return list(values.values() if isinstance(values, dict) else values)


def _locate(site: Site, place: int, keys: Sequence[str]) -> Path:
    """Return where the values have the first of the keys that the profile has, or the profile."""
    entry = site.spawner.memory_profiles[place]
    step = [key for key in keys if key in entry][:1]
    return site.locate(type(site.spawner), ("memory_profiles", place, *step))

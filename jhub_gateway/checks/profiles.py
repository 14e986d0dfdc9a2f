"""Profiles that fit no node of the cluster."""

from collections.abc import Iterator, Sequence

from jhub_gateway.checks.report import Problem
from jhub_gateway.checks.site import Site
from jhub_gateway.models import Node
from jhub_gateway.policy.node_fit import find_misfit
from jhub_gateway.policy.server_needs import make_needs
from jhub_gateway.policy.setting_paths import Path


def find_misfits(site: Site, nodes: Sequence[Node]) -> Iterator[Problem]:
    """Yield each profile whose servers could start on no node, or never have their memory."""
    spawner = site.spawner
    for place, profile in enumerate(spawner.profiles):
        if misfit := find_misfit(make_needs(spawner, profile, profile.memory_guarantee), nodes):
            key, sentence = misfit
            keys = (f"{key}_guarantee", key) if key in ("memory", "cpu") else (key,)
            yield Problem(_locate(site, place, keys), sentence)
        elif misfit := find_misfit(make_needs(spawner, profile, profile.memory), nodes):
            sentence = f"for all of its limit {misfit[1]}"
            yield Problem(_locate(site, place, ("memory",)), sentence, is_warning=True)


def _locate(site: Site, place: int, keys: Sequence[str]) -> Path:
    """Return where the values have the first of the keys that the profile has, or the profile."""
    entry = site.spawner.memory_profiles[place]
    step = [key for key in keys if key in entry][:1]
    return site.locate(type(site.spawner), ("memory_profiles", place, *step))

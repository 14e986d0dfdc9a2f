"""The values file to start from: a ladder as ``memory_profiles``."""

from collections.abc import Sequence

from jhub_gateway.models import MemoryProfile
from jhub_gateway.planning.node_kinds import NodeKind
from jhub_gateway.policy.quantities import format_memory

_HEAD = """\
# Sizes of servers, made by `jhub-gateway plan` for these nodes:
{nodes}
# Each is twice the one before, and whole numbers of them fill a node. As much as the limit is
# reserved. Give them descriptions for your users; docs/reference/profiles.md has all keys.
hub:
  config:
    GatewaySpawner:
      memory_profiles: # replaces common.yaml's
"""
_ENTRY = """\
        - slug: {slug}
          display_name: {display_name}
          memory: {memory}M # M is 1024^2 bytes
          cpu: {cpu:g} # cores, at most
          cpu_guarantee: {cpu_guarantee:g} # cores that are reserved
"""


def make_values(ladder: Sequence[MemoryProfile], kinds: Sequence[NodeKind]) -> str:
    """Return the text of a values file with the ladder's profiles."""
    nodes = "\n".join(
        f"#   {kind.count} of {kind.name}, each with {format_memory(kind.free.memory)} and "
        f"{kind.free.cpu / 1000:g} cores for users"
        for kind in kinds
    )
    entries = (_format_entry(profile) for profile in ladder)
    return _HEAD.format(nodes=nodes) + "".join(entries)


def _format_entry(profile: MemoryProfile) -> str:
    text = _ENTRY.format(
        slug=profile.slug,
        display_name=profile.display_name,
        memory=profile.memory // 1024**2,
        cpu=profile.cpu,
        cpu_guarantee=profile.cpu_guarantee,
    )
    return text + "          default: true # what a start gets that names none\n" * profile.default

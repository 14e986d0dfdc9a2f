"""What a server of a profile asks the scheduler for, by the settings of the hub and its own."""

from typing import Any

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.node_fit import Needs
from jhub_gateway.policy.profiles import fill_cpu, get_reserved_cpu, make_override


def make_needs(spawner: Any, profile: MemoryProfile, memory: int) -> Needs:
    """Return what KubeSpawner makes of both together. ``memory`` is bytes.

    ``spawner`` is a GatewaySpawner that nothing has started: it has the hub's own settings.
    """
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

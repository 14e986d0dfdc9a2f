"""Which profiles find room on the hub's own machine: its memory, less what servers reserve."""

from collections.abc import Iterator, Mapping
from typing import Any

from jhub_gateway.hub_servers import list_spawners
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.capacity import HUB_MEMORY, Capacity, find_machine_capacity


class MachineCapacity:
    """What the machine has room for. ``memory`` is all of it, in bytes."""

    def __init__(self, app: Any, profiles: tuple[MemoryProfile, ...], memory: int) -> None:
        self._app = app
        self._profiles = {profile.slug: profile for profile in profiles}
        self._memory = memory - HUB_MEMORY

    def find(self) -> Mapping[str, Capacity]:
        """Return the capacity of each profile by its slug."""
        left = self._memory - sum(self._list_reserved())
        return {
            slug: find_machine_capacity(profile.memory_guarantee, self._memory, left)
            for slug, profile in self._profiles.items()
        }

    def _list_reserved(self) -> Iterator[int]:
        """Yield what each server that runs, starts or stops has reserved."""
        for _, _, spawner in list_spawners(self._app):
            if spawner.active:
                profile = self._profiles.get(spawner.profile)
                yield profile.memory_guarantee if profile else int(spawner.mem_guarantee or 0)

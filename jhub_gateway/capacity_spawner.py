"""A spawner that tells, before a start, whether there is room for it and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jhub_gateway.policy.capacity import Capacity
from jhub_gateway.policy.capacity_words import describe_capacity
from jhub_gateway.profiled_spawner import ProfiledSpawner
from jhub_gateway.start_times import recent_node_starts, recent_starts


@dataclass(frozen=True, slots=True)
class RoomView:
    """What a page says of room for a server: ``state`` is that of a Capacity."""

    state: str
    words: str


class CapacitySpawner(ProfiledSpawner):
    """A spawner whose profile page tells what there is room for.

    Mix it in before a JupyterHub Spawner.
    """

    def find_capacities(self) -> Mapping[str, Capacity]:
        """Return the capacity of each profile by its slug; nothing where it is not known."""
        return {}

    def make_form_entries(self) -> list[dict[str, Any]]:
        """Add ``room``, a RoomView, to each profile of which it is known."""
        capacities = self.find_capacities()
        entries = super().make_form_entries()
        for entry in entries:
            if capacity := capacities.get(entry["slug"]):
                entry["room"] = _make_view(entry["slug"], capacity)
        return entries


def _make_view(slug: str, capacity: Capacity) -> RoomView:
    seconds, node_seconds = recent_starts.find_middle(slug), recent_node_starts.find_middle(slug)
    return RoomView(capacity.state, describe_capacity(capacity, seconds, node_seconds))

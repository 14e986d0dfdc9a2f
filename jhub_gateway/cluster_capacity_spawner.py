"""A spawner whose servers are pods, and which tells what the cluster has room for."""

from collections.abc import Mapping
from typing import Any, ClassVar

from traitlets import Dict, List, validate

from jhub_gateway.capacity_metrics import show_free_servers
from jhub_gateway.capacity_spawner import CapacitySpawner
from jhub_gateway.cluster_capacity import ClusterCapacity
from jhub_gateway.explained_spawner import ExplainedSpawner
from jhub_gateway.policy.autoscaled_nodes import parse_pools
from jhub_gateway.policy.capacity import Capacity, make_demand
from jhub_gateway.policy.cluster_states import Demand
from jhub_gateway.policy.server_needs import make_needs


class ClusterCapacitySpawner(CapacitySpawner, ExplainedSpawner):
    """Tells it from watches of nodes and pods, where the hub may watch them."""

    # One for all spawners of the hub.
    _cluster: ClassVar[ClusterCapacity | None] = None

    autoscaled_nodes = List(
        Dict(),
        config=True,
        help="""
        The nodes that the cluster's autoscaler adds when pods wait for room, as a list of
        mappings, one for each of its node groups:

        - ``labels``: the labels that its nodes have and by which servers choose them, ``{}`` if
          servers choose none. Needed.
        - ``profiles``: the slugs of the profiles whose servers it adds nodes for. Default: all
          whose servers choose nodes with these labels and, where there is such a node, fit on it.
        - ``max_nodes``: how many nodes with these labels there may be; with so many no new one is
          promised. Default: no limit.

        It changes what the profile page says where there is no room: that a new node is needed
        and how long that took lately, in the place of how many are ahead. It adds no node. It
        has no effect unless the hub may watch nodes and pods. A wrong entry stops the hub at its
        start. Default: none; no nodes are added.
        """,
    )

    @validate("autoscaled_nodes")
    def _check_autoscaled_nodes(self, proposal: Any) -> Any:
        parse_pools(proposal.value)
        return proposal.value

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Begin to watch the cluster, if there are sizes to choose from."""
        super().prepare_at_start(app)
        self = cls.make_for_checks(app)
        if not self.memory_profiles:
            return
        cls._cluster = ClusterCapacity(
            self,
            self._make_demands(),
            parse_pools(self.autoscaled_nodes),
            is_needed=self.needs_capacities,
        )
        cls._cluster.start()
        show_free_servers([profile.slug for profile in self.profiles], cls._cluster.find)

    @property
    def needs_capacities(self) -> bool:
        """Whether the settings have no effect where the hub may not see the cluster."""
        return bool(self.autoscaled_nodes)

    def _make_demands(self) -> dict[str, Demand]:
        return {
            profile.slug: make_demand(make_needs(self, profile, profile.memory_guarantee))
            for profile in self.profiles
        }

    def find_capacities(self) -> Mapping[str, Capacity]:
        """Return the capacity of each profile as the watches have it; nothing without them."""
        return self._cluster.find() if self._cluster else {}

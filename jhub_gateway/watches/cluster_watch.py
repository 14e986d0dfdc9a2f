"""The watches of the whole cluster's nodes and pods, of which little is kept.

All pods count, whosever they are: a node is as full of the cluster's own as of users' servers.
"""

from typing import Any

from jhub_gateway.policy.cluster_states import (
    NodeState,
    PodLoad,
    read_node_state,
    read_pod_load,
)
from jhub_gateway.watches.live_reflector import LiveReflector, Resource

_STATE = "state"


class ClusterWatch(LiveReflector):
    """Keeps what :meth:`read` makes of each object; ``changes`` counts how often that changed."""

    omit_namespace = True

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.changes = 0

    @property
    def is_loaded(self) -> bool:
        """Whether all has been listed once."""
        return self.first_load_future.done()

    def read(self, resource: Resource) -> Any:
        """Return what is kept of the object."""
        raise NotImplementedError

    def _find_key(self, resource: Resource) -> str:
        # Nodes are in no namespace.
        metadata = resource["metadata"]
        return f"{metadata.get('namespace', '')}/{metadata['name']}"

    async def _list_and_update(self, resource_version: str | None = None) -> str:
        version = await super()._list_and_update(resource_version)
        self.changes += 1
        return version

    def _store(self, change: str, resource: Resource) -> None:
        key = self._find_key(resource)
        before = self.resources.get(key, {}).get(_STATE)
        super()._store(change, resource)
        # A pod that starts and a node that is well tell much that changes nothing here.
        self.changes += before != self.resources.get(key, {}).get(_STATE)

    def _slim(self, resource: Resource) -> None:
        state, metadata = self.read(resource), resource["metadata"]
        resource.clear()
        resource[_STATE] = state
        resource["metadata"] = {
            key: metadata.get(key, "") for key in ("namespace", "name", "uid", "resourceVersion")
        }

    def list_uids(self) -> frozenset[str]:
        """Return the UIDs of what there is."""
        return frozenset(resource["metadata"]["uid"] for resource in self.resources.values())

    def _list_states(self) -> list[Any]:
        return [resource[_STATE] for resource in self.resources.values()]


class LiveNodes(ClusterWatch):
    """The cluster's nodes."""

    kind = "nodes"
    list_method_name = "list_node"

    def read(self, resource: Resource) -> NodeState:
        """Return what is kept of a node."""
        return read_node_state(resource)

    def list_states(self) -> list[NodeState]:
        """Return the nodes that there are."""
        return self._list_states()


class LiveLoads(ClusterWatch):
    """All pods of the cluster that have not ended."""

    kind = "cluster-pods"
    list_method_name = "list_pod_for_all_namespaces"

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.field_selector = "status.phase!=Succeeded,status.phase!=Failed"

    def read(self, resource: Resource) -> PodLoad:
        """Return what is kept of a pod."""
        return read_pod_load(resource)

    def list_states(self) -> list[PodLoad]:
        """Return what there is."""
        return self._list_states()

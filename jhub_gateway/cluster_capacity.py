"""Which profiles find room in the cluster now, from watches: no page asks the Kubernetes API."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from jhub_gateway.clients.kube import KubeUnavailable, Resource, check_access
from jhub_gateway.policy.autoscaled_nodes import NodePool
from jhub_gateway.policy.capacity import Capacity, find_capacities, find_hosts
from jhub_gateway.policy.cluster_states import Demand
from jhub_gateway.policy.waiting_line import Room
from jhub_gateway.request_ids import outside_requests
from jhub_gateway.watches.ages import watch_ages
from jhub_gateway.watches.cluster_watch import LiveLoads, LiveNodes

# What was seen longer ago may be true no more, and is not shown.
_OLDEST_SECONDS = 60
# While hundreds of pods start each second has many changes, and many people look.
_LEAST_SECONDS = 1.0
# An operator may give the rights later.
_RIGHTS_SECONDS = 300
# helm-values/manifests/beside-chart/components/live-capacity says what each is for.
_VERBS = ("list", "watch")


class ClusterCapacity:
    """What the cluster has room for. ``demands`` is what a server of each profile asks for.

    ``is_needed``: the operator counts on it, and is warned where it can't be had.
    """

    def __init__(
        self,
        spawner: Any,
        demands: Mapping[str, Demand],
        pools: Sequence[NodePool],
        clock: Callable[[], float] = time.monotonic,
        is_needed: bool = False,
    ) -> None:
        self._log = spawner.log
        self._nodes = LiveNodes(parent=spawner)
        self._pods = LiveLoads(parent=spawner)
        self._demands = demands
        self._pools = pools
        self._clock = clock
        self._is_needed = is_needed
        self._found: dict[str, Capacity] = {}
        self._found_at = -inf
        self._found_of = -1
        self._hosts: dict[str, frozenset[str]] | None = None
        self._counted: frozenset[str] = frozenset()

    def start(self) -> None:
        """Watch from now on, in the running loop, once the hub may."""
        with outside_requests():
            self._task = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        told = ""
        while problem := await self._find_problem():
            if problem != told:
                log = self._log.warning if self._is_needed else self._log.info
                log("The profile page shows no room and no waits: %s", problem)
            told = problem
            await asyncio.sleep(_RIGHTS_SECONDS)
        for watch in (self._nodes, self._pods):
            await watch.start()

    async def _find_problem(self) -> str | None:
        try:
            return await asyncio.to_thread(find_capacity_problem, check_access)
        except KubeUnavailable as problem:
            return f"the Kubernetes API answered {problem}"

    def find(self) -> Mapping[str, Capacity]:
        """Return the capacity of each profile by its slug; nothing where it is not known now.

        It is at most a second old, beside what the watches take.
        """
        if not self._is_known:
            return {}
        changes, now = self._nodes.changes + self._pods.changes, self._clock()
        if self._found_of != changes and now - self._found_at >= _LEAST_SECONDS:
            self._found_of, self._found_at = changes, now
            self._found = find_capacities(
                self._demands, self._nodes.list_states(), self._pods.list_states(), self._pools
            )
            self._hosts, self._counted = None, self._pods.list_uids()
        return self._found

    def find_room(self) -> Room:
        """Return what starts in line go by, as old as what :meth:`find` returns."""
        capacities = self.find()
        if not capacities:
            return Room({}, {}, self._demands)
        if self._hosts is None:
            self._hosts = find_hosts(
                self._demands, self._nodes.list_states(), self._pods.list_states()
            )
        return Room(capacities, self._hosts, self._demands)

    def has_counted(self, uid: str) -> bool:
        """Whether the pod with this UID is in what :meth:`find` found last."""
        return uid in self._counted

    @property
    def _is_known(self) -> bool:
        ages = watch_ages()
        for watch in (self._nodes, self._pods):
            watch.keep_alive()
            if not watch.is_loaded or ages.get(watch.kind, inf) > _OLDEST_SECONDS:
                return False
        return True


def find_capacity_problem(
    check: Callable[[str, tuple[str, ...], Resource], list[str]],
) -> str | None:
    """Return a sentence on what the hub may not see of the cluster, or None.

    ``check`` returns those of the verbs that are missing for a resource; of no namespace is all.
    """
    missing = {
        plural: verbs
        for plural in ("nodes", "pods")
        if (verbs := check("", _VERBS, Resource(plural)))
    }
    if not missing:
        return None
    rights = " and ".join(f"{', '.join(verbs)} {plural}" for plural, verbs in missing.items())
    return (
        f"the hub may not {rights} in the whole cluster. To show them, apply the component "
        "helm-values/manifests/beside-chart/components/live-capacity"
    )

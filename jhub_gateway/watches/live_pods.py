"""The watch of user pods."""

from typing import Any

from kubespawner.spawner import PodReflector

from jhub_gateway.watches.live_reflector import LiveReflector, Resource

# More than end between two looks at all servers.
_MOST_GONE = 500
# What nobody asks of a pod that is there.
_UNASKED = (
    "affinity",
    "imagePullSecrets",
    "nodeSelector",
    "securityContext",
    "tolerations",
    "volumes",
)
_UNASKED_OF_CONTAINERS = ("env", "command", "args", "volumeMounts", "securityContext")


class LivePods(LiveReflector, PodReflector):
    """All user pods of a namespace, without what nobody asks of them.

    ``gone`` are the last ones that went, by ``namespace/name``, as they were then: a pod that was
    evicted says so until its end, and may be gone before anybody looks.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.gone: dict[str, Resource] = {}

    async def _list_and_update(self, resource_version: str | None = None) -> str:
        before = self.resources
        version = await super()._list_and_update(resource_version)
        for key in before.keys() - self.resources.keys():
            self._remember(key, before[key])
        return version

    def _store(self, change: str, resource: Resource) -> None:
        if change == "DELETED":
            self._slim(resource)
            self._remember(self._find_key(resource), resource)
        super()._store(change, resource)

    def _remember(self, key: str, pod: Resource) -> None:
        self.gone.pop(key, None)
        self.gone[key] = pod
        if len(self.gone) > _MOST_GONE:
            del self.gone[next(iter(self.gone))]

    def _slim(self, pod: Resource) -> None:
        super()._slim(pod)
        # KubeSpawner asks for it once the phase is Running, and a pod may have none yet.
        pod.get("status", {}).setdefault("podIP", None)
        spec = pod.get("spec", {})
        for part in _UNASKED:
            spec.pop(part, None)
        for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
            for part in _UNASKED_OF_CONTAINERS:
                container.pop(part, None)

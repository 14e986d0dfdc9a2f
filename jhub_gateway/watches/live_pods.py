"""The watch of user pods."""

from kubespawner.spawner import PodReflector

from jhub_gateway.watches.live_reflector import LiveReflector, Resource


class LivePods(LiveReflector, PodReflector):
    """All user pods of a namespace, without the environment of their containers."""

    def _slim(self, pod: Resource) -> None:
        super()._slim(pod)
        spec = pod.get("spec", {})
        for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
            for part in ("env", "command", "args", "volumeMounts", "securityContext"):
                container.pop(part, None)

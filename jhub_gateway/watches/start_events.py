"""The watch of what Kubernetes tells of pods that are being started, and of no others.

A hub that keeps all events of a busy namespace needs gigabytes for them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kubespawner.spawner import EventReflector

from jhub_gateway.watches.ages import forget_contact
from jhub_gateway.watches.live_reflector import LiveReflector, Resource

# A pod has some five in its first minute; one that fails again and again has more.
_MOST_OF_A_POD = 30
# A start doesn't wait longer for the watch: it is for explanations.
_READY_SECONDS = 3


class StartEvents(LiveReflector, EventReflector):
    """The events of the pods that somebody listens to, from then on.

    It watches only while there are such pods.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._of_pods: dict[str, dict[str, Resource]] = {}
        self._is_needed = asyncio.Event()
        self._is_watching = asyncio.Event()

    async def start(self) -> None:
        """Be ready to watch. Nothing is asked for until a pod starts."""
        self.first_load_future.set_result(None)
        await super().start()

    def listen(self, key: str, listener: Callable[[], None]) -> None:
        """Keep the events of the pod ``namespace/name``, and call ``listener`` at each."""
        super().listen(key, listener)
        self._of_pods[key] = {}
        self._is_needed.set()

    def unlisten(self, key: str) -> None:
        """Forget the pod's events."""
        super().unlisten(key)
        self._of_pods.pop(key, None)
        if not self._of_pods:
            self._is_needed.clear()

    async def wait_until_watching(self) -> None:
        """Return once nothing is missed any more, or after 3 seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await self._is_watching.wait()

    def get_events(self, key: str) -> list[Resource]:
        """Return the events of a pod that is listened to, oldest first."""
        return list(self._of_pods.get(key, {}).values())

    @property
    def _is_wanted(self) -> bool:
        return self._is_needed.is_set()

    async def _list_and_update(self, resource_version: str | None = None) -> str:  # noqa: ARG002
        """Return the version to watch from: what was before tells nothing of these starts."""
        self._is_watching.clear()
        if not self._is_needed.is_set():
            forget_contact(self.kind)
        await self._is_needed.wait()
        # One is asked for, as a list tells the version that it is of.
        response = await self.api.list_namespaced_event(
            self.namespace, field_selector=self.field_selector, limit=1, _request_timeout=10
        )
        self._is_watching.set()
        version: str = response.metadata.resource_version
        return version

    def _store(self, change: str, event: Resource) -> None:
        key = self._find_key(event)
        events = self._of_pods.get(key)
        if events is None or change == "DELETED":
            return
        self._slim(event)
        events.pop(event["metadata"]["uid"], None)
        events[event["metadata"]["uid"]] = event
        if len(events) > _MOST_OF_A_POD:
            del events[next(iter(events))]
        self._tell(key)

    def _find_key(self, event: Resource) -> str:
        """Return the pod that it is about."""
        pod = event["involvedObject"]
        return f"{pod.get('namespace')}/{pod.get('name')}"

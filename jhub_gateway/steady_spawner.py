"""KubeSpawner for clusters whose API servers fail, and for hubs that are killed.

A pod is known by the id of its start and by its UID, never by its name alone; and a server is
dead when the API server says so, not when a watch has not seen it.
"""

import asyncio
import time
from functools import cached_property
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from kubespawner import KubeSpawner
from traitlets import default

from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.kube_requests import Answer, Manifest
from jhub_gateway.clients.pods import PodRequests, is_gone
from jhub_gateway.errors import StartFailed
from jhub_gateway.models import Reason
from jhub_gateway.pod_creation import (
    Denials,
    PodCreation,
    find_wait,
    is_of_server,
    is_of_start,
)
from jhub_gateway.policy.answer_reasons import find_answer_reason
from jhub_gateway.policy.labels import HUB
from jhub_gateway.policy.pod_states import is_notebook_restarting, is_over
from jhub_gateway.start_metrics import count_retry
from jhub_gateway.watches.live_pods import LivePods
from jhub_gateway.watches.live_reflector import LiveReflector
from jhub_gateway.watches.start_events import StartEvents

# How much longer than its grace period a pod may take to go, before it is taken from a node that
# may be lost.
_GOING_SECONDS = 30
_FORCES = 10

_LIVE_REFLECTORS = {"pods": LivePods, "events": StartEvents}


class SteadySpawner(KubeSpawner):
    """Makes each start's pod once, and deletes no other than its own."""

    start_id = ""
    _creation: PodCreation | None = None
    # Whether this hub began the start; otherwise one that ran before did.
    _is_begun_here = False
    _has_made_pod = False
    _is_end_noted = False
    _going_since: float | None = None
    _force: "asyncio.Task[None] | None" = None

    @default("k8s_api_request_timeout")
    def _default_k8s_api_request_timeout(self) -> int:
        # One that is cut off after KubeSpawner's 3 s has often made the pod, and is asked again.
        return 10

    @default("k8s_api_request_retry_timeout")
    def _default_k8s_api_request_retry_timeout(self) -> int:
        # An API server that is upgraded is away for a minute or two.
        return 150

    # What is remembered

    def get_state(self) -> dict[str, Any]:
        """Remember the start, so that a hub that comes after this one knows its pod."""
        state: dict[str, Any] = super().get_state()
        if self.start_id:
            state["start_id"] = self.start_id
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)
        self.start_id = state.get("start_id", "")

    def clear_state(self) -> None:
        """Forget the start of a server that has stopped, or begin anew before a start."""
        super().clear_state()
        self.start_id = ""
        self._creation, self._has_made_pod, self._is_begun_here = None, False, True
        self._is_end_noted = False

    # What the hub sees

    async def _start_reflector(
        self, kind: str, reflector_class: Any, replace: bool = False, **settings: Any
    ) -> Any:
        found = self.reflectors.get(self._get_reflector_key(kind))
        if isinstance(found, LiveReflector) and (replace or found.first_load_future.done()):
            # Another one would know of no pods at first, and nobody would listen to it.
            found.list_again() if replace else found.keep_alive()
            return found
        live = _LIVE_REFLECTORS.get(kind, reflector_class)
        start = super()._start_reflector(kind, live, replace, **settings)
        # Shielded: many may wait for one watch, and who gives up must not end it for all.
        return await asyncio.shield(asyncio.ensure_future(start))

    @property
    def pod_key(self) -> str:
        """The pod's ``namespace/name``."""
        return f"{self.namespace}/{self.pod_name}"

    def get_own_pod(self) -> Manifest | None:
        """Return this server's pod as the watch has seen it; never another's of that name."""
        reflector = self.pod_reflector
        pod = reflector.pods.get(self.pod_key) if reflector else None
        return pod if pod and self._is_own(pod) else None

    def _is_own(self, pod: Manifest) -> bool:
        # A server that a plain KubeSpawner started, or an older version, has no id.
        return is_of_start(pod, self.start_id) if self.start_id else self._is_of_server(pod)

    def _is_of_server(self, pod: Manifest) -> bool:
        return is_of_server(pod, self.hub_labels, self.user.name, self.name)

    def _is_of_earlier_start(self, pod: Manifest) -> bool:
        # One without the hub's label may be a running server of another hub.
        return HUB in (pod["metadata"].get("labels") or {}) and self._is_of_server(pod)

    def is_pod_running(self, pod: Manifest | None) -> bool:
        """Whether it is this server's, and runs. KubeSpawner looks for pods by name alone."""
        return pod is not None and self._is_own(pod) and bool(super().is_pod_running(pod))

    @property
    def hub_labels(self) -> dict[str, str]:
        """The labels by which this hub knows its pods."""
        return {}

    @property
    def pod_requests(self) -> PodRequests:
        """What asks the API server for pods, beside the watch."""
        return PodRequests(self.api.api_client, self.namespace, self.k8s_api_request_timeout)

    # Making the pod

    def begin_start(self) -> None:
        """Give a start its id, and have it remembered before there is a pod."""
        self.start_id = token_hex(8)
        self._creation, self._has_made_pod, self._is_begun_here = None, False, True
        self._is_end_noted = False
        # JupyterHub commits what has changed once start() has returned its awaitable.
        self.orm_spawner.state = self.get_state()

    @property
    def longest_start(self) -> int:
        """How long a start takes at most until it is ready or has failed, in seconds."""
        return int(self.start_timeout)

    def say_waiting(self, reason: Reason) -> None:
        """Hear what the start waits for."""

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:  # noqa: ARG002
        manifest = self.api.api_client.sanitize_for_serialization(pod)
        self._creation = PodCreation(
            self.pod_requests, manifest, self._is_of_earlier_start, self.log, self.say_waiting
        )
        await self._creation.run()
        # It is large, and there may be a thousand servers.
        self._creation, self._has_made_pod = None, True
        return True

    # Looking at it

    async def poll(self) -> int | None:
        """Return None while the server runs, and its exit code once it does no more.

        Where the API server can't say, it runs.
        """
        await self._start_watching_pods()
        # KubeSpawner deletes a pod that it finds ended.
        may_have_pod, pod = self._may_have_pod, self.get_own_pod()
        if pod is not None and is_notebook_restarting(pod):
            # It would delete it between two runs of its container, too.
            return None
        status: int | None = 1 if pod is None else await super().poll()
        # To KubeSpawner one that is started again and again runs.
        if status is None and not (pod and is_over(pod)):
            return await self._end_if_stuck(pod)
        status = 1 if status is None else status
        return await self._confirm_end(status, pod) if may_have_pod else status

    @property
    def _may_have_pod(self) -> bool:
        if self._is_begun_here:
            return self._has_made_pod or self._creation is not None
        return self.server is not None

    async def _confirm_end(self, status: int, pod: Manifest | None) -> int | None:
        if self._is_end_noted:
            return status
        if pod is None:
            found = await self._read_own_pod()
            if found is not None and not found.is_fine:
                self.log.warning("Is %s dead? %s", self.pod_key, found.body.get("message"))
                return None
            pod = found.body if found is not None else None
            if pod is not None and not is_over(pod):
                self.log.warning("%s runs, and the watch has not seen it", self.pod_key)
                self.pod_reflector.list_again()
                return None
        elif not is_over(pod):
            return None
        self._note_end_once(pod or self.get_gone_pod())
        if pod is not None and self.delete_stopped_pods and self.get_own_pod() is not None:
            await self._delete(pod["metadata"]["uid"], grace_seconds=0)
        return status

    def get_gone_pod(self) -> Manifest | None:
        """Return this server's pod as it was when it went, if the watch has seen that."""
        pod = self.pod_reflector.gone.get(self.pod_key)
        return pod if pod and self._is_own(pod) else None

    async def _read_own_pod(self) -> Answer | None:
        """Read it directly; None if there is none. Another's of that name counts as none."""
        if self._creation is not None:
            await self._creation.settle()
        found = await self.pod_requests.read(self.pod_name)
        is_another = found.is_fine and not self._is_own(found.body)
        return None if is_another or is_gone(found) else found

    def _note_end_once(self, pod: Manifest | None) -> None:
        # JupyterHub polls three times before it has freed the user.
        if not self._is_end_noted:
            self.note_end(pod)
        self._is_end_noted = True

    def note_end(self, pod: Manifest | None) -> None:
        """Hear that the server has ended by itself; ``pod`` as it was last, if it is there."""

    async def _end_if_stuck(self, pod: Manifest | None) -> int | None:
        """Give up a pod that should be gone: its node has not answered for too long."""
        if pod is None or "deletionTimestamp" not in pod["metadata"]:
            self._going_since = None
            return None
        now = time.monotonic()
        self._going_since = self._going_since or now
        grace = pod["metadata"].get("deletionGracePeriodSeconds") or 0
        if now - self._going_since < grace + _GOING_SECONDS:
            return None
        self._note_end_once(pod)
        await self._delete(pod["metadata"]["uid"], grace_seconds=0)
        return 1

    # Deleting it

    @cached_property
    def _denials(self) -> Denials:
        """Since this server was last asked to stop."""
        return Denials()

    async def stop(self, now: bool = False) -> None:
        """Delete the server's pod, and no other; gone already is fine."""
        self._denials = Denials()
        await self._start_watching_pods()
        if self._may_have_pod and await self._find_uid() != "":
            await super().stop(now)
        self._creation, self._has_made_pod = None, False

    async def _find_uid(self) -> str | None:
        """Return the UID of the pod that is to go, "" if there is none, None if nobody knows."""
        if self._creation is not None:
            return await self._creation.settle()
        if pod := self.get_own_pod():
            uid: str = pod["metadata"]["uid"]
            return uid
        found = await self._read_own_pod()
        if found is None:
            return ""
        return found.body["metadata"]["uid"] if found.is_fine else None

    async def _make_delete_pod_request(
        self,
        pod_name: str,  # noqa: ARG002
        delete_options: Any,  # noqa: ARG002
        grace_seconds: int,
        request_timeout: float,  # noqa: ARG002
    ) -> bool:
        uid = await self._find_uid()
        if uid is None:
            await asyncio.sleep(draw_chance())
            return False
        return not uid or await self._delete(uid, grace_seconds)

    async def _delete(self, uid: str, grace_seconds: int) -> bool:
        """Ask for the pod's end. Return False if the API server has to be asked again."""
        answer = await self.pod_requests.delete(self.pod_name, uid, grace_seconds)
        if answer.is_fine and grace_seconds:
            self._force = asyncio.create_task(self._force_end(uid, grace_seconds))
        # A pod of that name with another UID answers 409: this one is gone.
        if answer.is_fine or is_gone(answer) or answer.status == HTTPStatus.CONFLICT:
            return True
        reason = find_answer_reason(answer.status, answer.body, self._denials.measure(answer))
        self.log.warning("Pod %s is not deleted yet: %s", self.pod_key, reason.cause)
        if reason.is_final:
            raise StartFailed(reason)
        count_retry("delete", answer.status)
        await asyncio.sleep(find_wait(answer, 1))
        return False

    async def _force_end(self, uid: str, grace_seconds: int) -> None:
        """Take the pod from its node if it does not go: that may be lost."""
        pods, pod_name, pod_key = self.pod_requests, self.pod_name, self.pod_key
        reflector: LivePods = self.pod_reflector
        await asyncio.sleep(grace_seconds)
        for _ in range(_FORCES):
            await asyncio.sleep(_GOING_SECONDS)
            pod = reflector.pods.get(pod_key)
            if not pod or pod["metadata"]["uid"] != uid:
                return
            self.log.warning("Pod %s does not end: its node may be lost", pod_key)
            await pods.delete(pod_name, uid, grace_seconds=0)

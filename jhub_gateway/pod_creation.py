"""The pod of one start is made once, however often the API server has to be asked.

An answer can be lost after the pod was made. Who asks again meets a pod of that name then: the
start's id says whether it is the one that was asked for.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.kube_requests import Answer, Manifest
from jhub_gateway.clients.pods import PodRequests, is_gone
from jhub_gateway.errors import StartFailed
from jhub_gateway.models import Reason
from jhub_gateway.policy.answer_reasons import find_answer_reason
from jhub_gateway.policy.labels import START_ID
from jhub_gateway.start_metrics import count_retry

_USER = "hub.jupyter.org/username"
_SERVER = "hub.jupyter.org/servername"
_LONGEST_WAIT = 8.0
# Of requests that were surely not carried out.
_DENIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# How often a pod is looked at that has to go first.
_GOING_SECONDS = 0.5

NAME_TAKEN = Reason(
    "forbidden",
    "Your server's name is taken by something else. Tell the gateway's operators.",
    "a pod of that name is no pod of this server: it has another hub's labels, or those of a hub "
    "with another database. Where that hub is gone, delete its pods",
)


def is_of_start(pod: Manifest | None, start_id: str) -> bool:
    """Whether the pod, as the API server has it, is the one that this start has made."""
    return bool(start_id) and pod is not None and _get_annotation(pod, START_ID) == start_id


def is_of_server(pod: Manifest, labels: Mapping[str, str], username: str, name: str) -> bool:
    """Whether the pod is one of this server at this hub, from whatever start.

    ``labels`` are the hub's own. A pod that lacks one is of a plain KubeSpawner, or of an older
    version, that was here before; one that has another is another hub's.
    """
    own = pod["metadata"].get("labels") or {}
    if any((own.get(label) or value) != value for label, value in labels.items()):
        return False
    named = (_get_annotation(pod, _USER), _get_annotation(pod, _SERVER) or "")
    return named == (username, name)


def _get_annotation(pod: Manifest, name: str) -> str | None:
    found: str | None = (pod["metadata"].get("annotations") or {}).get(name)
    return found


class PodCreation:
    """Makes the pod of ``manifest``, which has the start's id.

    A pod of an earlier start of the same server goes first. ``say`` hears what is waited for.
    """

    def __init__(
        self,
        pods: PodRequests,
        manifest: Manifest,
        is_of_server: Callable[[Manifest], bool],
        log: Any,
        say: Callable[[Reason], None] = lambda _: None,
    ) -> None:
        self._pods = pods
        self._manifest = manifest
        self._is_of_server = is_of_server
        self._log = log
        self._say = say
        self._request: asyncio.Task[Answer] | None = None
        self._denials = Denials()
        self._may_be_made = self._is_refused = False
        self.uid = ""

    @property
    def _name(self) -> str:
        name: str = self._manifest["metadata"]["name"]
        return name

    async def run(self) -> None:
        """Return once the pod is there; ``uid`` is known then. Raises StartFailed.

        While the API server does not answer, or is too busy, it is asked again.
        """
        failures = 0
        while not self.uid:
            answer = await self._ask()
            if answer.is_fine:
                self.uid = answer.body["metadata"]["uid"]
            elif answer.status == HTTPStatus.CONFLICT:
                await self._look_at_name()
            else:
                failures += 1
                await self._wait_or_fail(answer, failures)
        # Nodes and the API server's own logs know a pod by its UID.
        self._log.info("Pod %s is made: UID %s", self._name, self.uid)

    async def settle(self) -> str | None:
        """Return the UID of the pod if it has been made after all, or "".

        For a start that is given up: what was asked for last may be on its way. None where the
        API server doesn't say.
        """
        if self._is_refused:
            return ""
        if self._request is not None and not self.uid:
            answer = await asyncio.shield(self._request)
            if answer.is_fine:
                self.uid = answer.body["metadata"]["uid"]
        if self.uid:
            return self.uid
        found = await self._pods.read(self._name)
        if not found.is_fine and not is_gone(found):
            return None
        await self._adopt(found)
        return self.uid

    async def _ask(self) -> Answer:
        # Shielded: a request that is cut off may be carried out all the same.
        self._request = asyncio.ensure_future(self._pods.create(self._manifest))
        return await asyncio.shield(self._request)

    async def _look_at_name(self) -> None:
        found = await self._pods.read(self._name)
        if not found.is_fine or await self._adopt(found):
            return
        if not self._is_of_server(found.body):
            raise StartFailed(NAME_TAKEN)
        await self._remove(found.body["metadata"])

    async def _adopt(self, found: Answer) -> bool:
        start_id = _get_annotation(self._manifest, START_ID) or ""
        if not found.is_fine or not is_of_start(found.body, start_id):
            return False
        self._log.info("Pod %s was made by this start already", self._name)
        self.uid = found.body["metadata"]["uid"]
        return True

    async def _remove(self, old: Manifest) -> None:
        """Let the pod of an earlier start go, and nothing else that may have its name by then."""
        if "deletionTimestamp" not in old or old.get("deletionGracePeriodSeconds"):
            self._log.warning("Deleting pod %s (%s) of an earlier start", self._name, old["uid"])
            await self._pods.delete(self._name, old["uid"], grace_seconds=0)
        await asyncio.sleep(_GOING_SECONDS * (0.5 + draw_chance()))

    async def _wait_or_fail(self, answer: Answer, failures: int) -> None:
        reason = find_answer_reason(answer.status, answer.body, self._denials.measure(answer))
        if reason.is_final:
            # A request before this one may have made it, and its answer was lost.
            self._is_refused = not self._may_be_made
            raise StartFailed(reason)
        self._may_be_made |= answer.status not in _DENIALS
        self._say(reason)
        wait = find_wait(answer, failures)
        count_retry("create", answer.status)
        self._log.warning(
            "Pod %s is not made yet: %s; asking again in %.1f s", self._name, reason.cause, wait
        )
        await asyncio.sleep(wait)


class Denials:
    """For how long the API server has denied the hub a right, with no other answer in between."""

    def __init__(self) -> None:
        self._since: float | None = None

    def measure(self, answer: Answer) -> float:
        """Return the seconds since the first of the denials that ``answer`` is one of; or 0."""
        now = time.monotonic()
        if answer.status not in _DENIALS:
            self._since = None
        elif self._since is None:
            self._since = now
        return now - (self._since or now)


def find_wait(answer: Answer, failures: int) -> float:
    """Return the seconds until the API server is asked again, spread by chance.

    Never less than the server has asked for.
    """
    wait = min(_LONGEST_WAIT, 0.25 * 2 ** min(failures, 9)) * (0.5 + draw_chance() / 2)
    return (answer.retry_after or 0.0) + wait

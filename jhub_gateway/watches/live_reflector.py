"""A watch that cannot die. KubeSpawner's gives up after a minute of errors, and tells nobody."""

import asyncio
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import ClientTimeout
from kubernetes_asyncio.client import ApiException
from kubespawner.reflector import ResourceReflector

from jhub_gateway.chance import draw_chance
from jhub_gateway.request_ids import outside_requests
from jhub_gateway.watches.ages import note_contact

Resource = dict[str, Any]

# The API server ends a watch after this long, which tells that it still answers.
_WATCH_SECONDS = 30
# A watch that says nothing for so much longer is stuck.
_STUCK_SECONDS = 15
_CONNECT_SECONDS = 5
_LIST_SECONDS = 60
# What a hub needs for a moment it keeps: a thousand whole pods take tens of MB.
_PAGE = 100
# A watch could have missed something without knowing.
_LIST_AGAIN_SECONDS = 600
_LIST_REST_SECONDS = 10
_LONGEST_WAIT = 5.0


class WatchEnded(Exception):
    """The API server has ended the watch: what there is has to be listed again."""


class LiveReflector(ResourceReflector):
    """Keeps ``resources`` as the API server has them; listeners hear of what changes.

    What ends a watch (an error, silence, a version that is too old) begins another, for as long
    as the hub runs. What was seen last stays until the API server answers again.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._listeners: dict[str, Callable[[], None]] = {}
        self._listed_at = self._begun_at = 0.0

    def listen(self, key: str, listener: Callable[[], None]) -> None:
        """Call ``listener`` at each change of what is at ``namespace/name``."""
        self._listeners[key] = listener

    def unlisten(self, key: str) -> None:
        """Call it no more."""
        self._listeners.pop(key, None)

    async def start(self) -> None:
        """Begin to watch. Whoever needs the first list awaits ``first_load_future``."""
        note_contact(self.kind)
        self._begin()

    def _begin(self) -> None:
        # It goes on for longer than the request that needed it first.
        self._begun_at = time.monotonic()
        with outside_requests():
            self.watch_task = asyncio.create_task(self._watch_and_update())

    def keep_alive(self) -> None:
        """Begin again if the watch has ended, whatever has ended it."""
        if self.watch_task is not None and self.watch_task.done() and not self._stopping:
            self.log.error("The watch of %s has ended; beginning another", self.kind)
            self._begin()

    def list_again(self) -> None:
        """Drop the watch, and list all there is: it has been found to be wrong."""
        if time.monotonic() - self._begun_at < _LIST_REST_SECONDS:
            return  # Many may find it at once.
        if self.watch_task is not None:
            self.watch_task.cancel()
        self._begin()

    async def _watch_and_update(self) -> None:
        try:
            await self._go_on()
        except asyncio.CancelledError:
            if not self._stopping:
                raise

    async def _go_on(self) -> None:
        version, failures = None, 0
        while not self._stopping:
            try:
                if version is None:
                    version = await self._list_and_update()
                    self._listed_at = time.monotonic()
                    note_contact(self.kind)
                version = await self._follow(version)
                failures = 0
                if not self._is_wanted or self._is_list_old:
                    version = None
            except WatchEnded as end:
                self.log.info("Watching %s: %s; listing them again", self.kind, end)
                version = None
                await asyncio.sleep(draw_chance())
            except Exception as problem:
                version, failures = None, failures + 1
                await self._wait_after(problem, failures)

    async def _wait_after(self, problem: Exception, failures: int) -> None:
        wait = min(_LONGEST_WAIT, 0.1 * 2 ** min(failures, 9)) * (0.5 + draw_chance() / 2)
        # At an outage of an hour one line tells as much as a thousand.
        log = self.log.warning if failures & (failures - 1) == 0 else self.log.debug
        # The client's own text has all headers of the answer.
        said = (
            f"{problem.status} {problem.reason}" if isinstance(problem, ApiException) else problem
        )
        log(
            "Watching %s: %s: %.200s (failure %d in a row); trying again in %.1f s",
            self.kind,
            type(problem).__name__,
            said,
            failures,
            wait,
        )
        await asyncio.sleep(wait)

    @property
    def _is_wanted(self) -> bool:
        return True

    @property
    def _is_list_old(self) -> bool:
        return time.monotonic() - self._listed_at > _LIST_AGAIN_SECONDS

    async def _list_and_update(self, resource_version: str | None = None) -> str:  # noqa: ARG002
        resources: dict[str, Resource] = {}
        following: str | None = ""
        while following is not None:
            page = await self._list_page(following)
            for resource in page["items"]:
                self._slim(resource)
                resources[self._find_key(resource)] = resource
            following = page["metadata"].get("continue") or None
        self.resources = resources
        if not self.first_load_future.done():
            self.first_load_future.set_result(None)
        for listener in list(self._listeners.values()):
            listener()
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def _list_page(self, following: str) -> Resource:
        options = {"_continue": following} if following else {}
        response = await self._ask(limit=_PAGE, _request_timeout=_LIST_SECONDS, **options)
        async with response:
            _check_status(response.status, response.reason)
            page: Resource = json.loads(await response.read())
        return page

    async def _ask(self, **options: Any) -> Any:
        return await getattr(self.api, self.list_method_name)(
            **({} if self.omit_namespace else {"namespace": self.namespace}),
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            _preload_content=False,
            **options,
        )

    async def _follow(self, version: str) -> str:
        """Take in what changes after ``version``, until the server ends; return the last one."""
        response = await self._ask(
            watch=True,
            allow_watch_bookmarks=True,
            resource_version=version,
            timeout_seconds=_WATCH_SECONDS,
            _request_timeout=ClientTimeout(
                sock_connect=_CONNECT_SECONDS, sock_read=_WATCH_SECONDS + _STUCK_SECONDS
            ),
        )
        async with response:
            _check_status(response.status, response.reason)
            note_contact(self.kind)
            async for line in response.content:
                version = self._take(json.loads(line)) or version
                note_contact(self.kind)
        return version

    def _take(self, event: Resource) -> str | None:
        resource = event["object"]
        if event["type"] == "ERROR":
            _check_status(resource.get("code"), resource.get("message"))
        if event["type"] != "BOOKMARK":
            self._store(event["type"], resource)
        version: str | None = resource["metadata"].get("resourceVersion")
        return version

    def _store(self, change: str, resource: Resource) -> None:
        key = self._find_key(resource)
        if change == "DELETED":
            self.resources.pop(key, None)
        else:
            self._slim(resource)
            self.resources[key] = resource
        self._tell(key)

    def _find_key(self, resource: Resource) -> str:
        return f"{resource['metadata']['namespace']}/{resource['metadata']['name']}"

    def _tell(self, key: str) -> None:
        if listener := self._listeners.get(key):
            listener()

    def _slim(self, resource: Resource) -> None:
        """Leave out what the hub never asks for: it keeps one of each of its pods."""
        resource["metadata"].pop("managedFields", None)


def _check_status(status: int | None, reason: str | None) -> None:
    """Raise WatchEnded for a version that is gone, and ApiException for other refusals."""
    if status == HTTPStatus.GONE:
        raise WatchEnded(f"{status} {reason}")
    if status != HTTPStatus.OK:
        raise ApiException(status=status, reason=reason)

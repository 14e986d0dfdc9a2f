"""Starts that say what they wait for and why they fail, and servers that say why they ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.clients.servers import wait_for_answer
from jhub_gateway.ended_spawner import EndedSpawner
from jhub_gateway.errors import StartFailed, StartRefused
from jhub_gateway.models import Reason
from jhub_gateway.policy.end_reasons import find_end_reason, find_restart
from jhub_gateway.policy.estimates import describe_wait
from jhub_gateway.policy.pod_states import get_notebook_status, is_over
from jhub_gateway.policy.redaction import cut_log
from jhub_gateway.policy.scheduling_reasons import is_new_machine, is_without_machine
from jhub_gateway.policy.silence import make_silence
from jhub_gateway.policy.start_reasons import find_start_reason, make_timeout
from jhub_gateway.policy.start_stages import StageTimes, find_stage
from jhub_gateway.refusals import make_logged_failure, make_logged_refusal
from jhub_gateway.start_metrics import count_end, count_failed_start, measure_start
from jhub_gateway.start_times import recent_node_starts, recent_starts
from jhub_gateway.steady_spawner import SteadySpawner

# JupyterHub has no reason to show when it gives up: what is left of a start is ended before that.
_MOST_MARGIN = 10
_LOG_SECONDS = 5
_LOG_LINES = 20
_HOME_REFUSED = "home-refused"
# An end of the server's own making, which has written why.
_CRASH = "crash-at-start"
# A reason may change by the time alone: a download gets slow.
_LOOK_SECONDS = 15


class ExplainedSpawner(EndedSpawner, SteadySpawner):
    """Tells users and operators what becomes of a start."""

    # What ProfiledSpawner brings.
    user_options: dict[str, Any]
    _log_name: str
    _slug: str

    _stages: StageTimes
    _reason: Reason | None = None
    _reason_since = 0.0
    _has_waited = False
    _has_new_node = False
    _restarts: int | None = None
    _deadline = 0.0
    # None until a start has its turn.
    _began: float | None = None
    _news: asyncio.Event | None = None

    # Starting

    def start(self) -> Awaitable[str]:
        """Start the pod, and return the server's address once something answers there.

        Raises tornado's HTTPError, whose message is for the user: 403 where the start is refused,
        503 where it fails.
        """
        self.last_end, self._restarts = None, 0
        self.begin_start()
        return self._start_and_explain(super().start())

    async def _start_and_explain(self, start: "asyncio.Future[str]") -> str:
        self._began = began = time.monotonic()
        self._stages = StageTimes(began)
        self._deadline = began + self.start_timeout
        margin = min(_MOST_MARGIN, self.start_timeout / 4)
        self._news = asyncio.Event()
        self._has_waited = self._has_new_node = False
        self._set_reason(None)
        final = asyncio.ensure_future(self._wait_for_final_reason(self._news))
        try:
            url = await self._unless_final(start, final, self.start_timeout - margin)
            left = self._deadline - margin - time.monotonic()
            answer = asyncio.ensure_future(wait_for_answer(url))
            await self._unless_final(answer, final, min(self.http_timeout, max(left, 1)), url)
        except StartRefused as refusal:
            await self._end_failed_start()
            raise make_logged_refusal(self, refusal) from None
        except StartFailed as failure:
            raise await self._explain(failure) from None
        finally:
            final.cancel()
            self._forget_start()
        now = time.monotonic()
        self._note_seconds(now - began)
        measure_start(self._slug, self._stages.finish(now))
        return url

    def _note_seconds(self, seconds: float) -> None:
        if self._has_new_node:
            recent_node_starts.add(self._profile, seconds)
        elif not self._has_waited:
            # How long others keep their room tells nothing of the next start.
            recent_starts.add(self._profile, seconds)

    async def _unless_final(
        self,
        work: "asyncio.Future[Any]",
        final: "asyncio.Future[Reason]",
        seconds: float,
        url: str = "",
    ) -> Any:
        """Return what ``work`` returns. Raises StartFailed as soon as the start has failed."""
        try:
            await asyncio.wait({work, final}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if final.done():
                raise StartFailed(final.result())
            reason = make_silence(url, seconds) if url else make_timeout(self._reason, seconds)
            raise StartFailed(reason)
        finally:
            work.cancel()

    async def _wait_for_final_reason(self, news: asyncio.Event) -> Reason:
        while True:
            # Not wait_for: in Python 3.11 it takes no cancellation at the moment of news.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await news.wait()
            news.clear()
            reason = self._find_reason()
            if reason is not None and reason.is_final:
                return reason
            self._set_reason(reason)

    def _find_reason(self) -> Reason | None:
        pod = self.get_own_pod()
        if pod is None:
            gone = self.get_gone_pod()
            return _find_end(gone) if gone else self._reason
        events = self.event_reflector.get_events(self.pod_key) if self.event_reflector else ()
        self._stages.enter(find_stage(pod, events), time.monotonic())
        return find_start_reason(pod, events, now=time.time())

    def _set_reason(self, reason: Reason | None) -> None:
        if reason is None or self._reason is None or reason.code != self._reason.code:
            self._reason_since = time.monotonic()
        self._reason = reason
        if reason is not None:
            self._has_waited |= is_without_machine(reason)
            self._has_new_node |= is_new_machine(reason)

    def say_waiting(self, reason: Reason) -> None:
        """Show it in the progress of the start."""
        self._set_reason(reason)

    async def _start_watching_pods(self, replace: bool = False) -> Any:
        reflector = await super()._start_watching_pods(replace)
        if self._news is not None:
            reflector.listen(self.pod_key, self._news.set)
        return reflector

    async def _start_watching_events(self, replace: bool = False) -> Any:
        reflector = await super()._start_watching_events(replace)
        if self._news is not None:
            reflector.listen(self.pod_key, self._news.set)
            await reflector.wait_until_watching()
        return reflector

    @property
    def events(self) -> list[Any]:
        """KubeSpawner's list of events, which it logs; those of a start explain it here."""
        return []

    def _forget_start(self) -> None:
        self._news = None
        for reflector in (self.pod_reflector, self.event_reflector):
            if reflector is not None:
                reflector.unlisten(self.pod_key)

    def begin_waiting(self) -> None:
        """Forget what the start before waited for; what this one takes is counted later."""
        self._began = None
        self._set_reason(None)

    # Failing

    async def _explain(self, failure: StartFailed) -> Exception:
        """End what is left of the start; return the error that shows why it failed."""
        reason = failure.reason
        if reason.code == _HOME_REFUSED:
            await self._end_failed_start()
            return make_logged_refusal(self, StartRefused(reason.sentence, reason.cause))
        count_failed_start(reason, self._stages.stage, self._slug)
        output = await self._read_output(reason)
        await self._end_failed_start()
        return make_logged_failure(self, StartFailed(reason, output))

    async def _read_output(self, reason: Reason) -> str:
        if reason.code != _CRASH:
            return ""
        pods, text = self.pod_requests, ""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOG_SECONDS):
                text = await pods.read_log(self.pod_name, _LOG_LINES, previous=True)
                text = text or await pods.read_log(self.pod_name, _LOG_LINES, previous=False)
        return cut_log(text, _LOG_LINES)

    async def _end_failed_start(self) -> None:
        # JupyterHub does the same after this, and until it has, a page that asks how the start
        # goes gets an error. What fails here it tries again.
        with suppress(Exception):
            async with asyncio.timeout(max(self._deadline - 1 - time.monotonic(), 0.5)):
                await self.stop(now=True)

    # Telling

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the start waits for and for how long, once a second, until it is over."""
        asked = time.monotonic()
        while True:
            now = time.monotonic()
            began = max(asked, now if self._began is None else self._began)
            yield {
                "progress": _find_percent(now - began, self.usual_seconds),
                "message": self._tell(now, began),
            }
            await asyncio.sleep(1)

    def _tell(self, now: float, began: float) -> str:
        if self._reason is not None:
            return f"{self._reason.sentence} ({now - self._reason_since:.0f} s)"
        return describe_wait(now - began, self.usual_seconds)

    @property
    def usual_seconds(self) -> float | None:
        """Within how many seconds most recent starts of this size were ready, if that is known.

        Of those that a new node came for, where one comes for this start.
        """
        starts = recent_node_starts if self._has_new_node else recent_starts
        return starts.estimate(self._profile)

    @property
    def _profile(self) -> str:
        return str(self.user_options.get("profile") or "")

    # Ending

    @property
    def is_ending(self) -> bool:
        """Whether the pod is being deleted."""
        pod = self.get_own_pod()
        return pod is not None and "deletionTimestamp" in pod["metadata"]

    async def poll(self) -> int | None:
        """Say whether the server runs; one that was started again in its pod is told of."""
        status = await super().poll()
        pod = self.get_own_pod()
        if status is None and pod is not None and (reason := find_restart(pod)):
            self._note_restart(reason, get_notebook_status(pod).get("restartCount", 0))
        return status

    def _note_restart(self, reason: Reason, restarts: int) -> None:
        if self._restarts is not None and restarts > self._restarts:
            count_end(reason)
            self.log.warning(
                "Server %s goes on (%s): %s", self._log_name, reason.code, reason.cause
            )
        self._restarts = restarts

    def note_end(self, pod: Manifest | None) -> None:
        """Remember why the server has ended, for its user's next page."""
        if self.last_end:
            return  # It ends because this hub, or the one before, has stopped it.
        reason = _find_end(pod)
        self.remember_end(reason, self._profile)
        count_end(reason)
        self.log.warning("Server %s has ended (%s): %s", self._log_name, reason.code, reason.cause)


def _find_end(pod: Manifest | None) -> Reason:
    reason = find_end_reason(pod)
    if reason.code == "ended" and not (pod and is_over(pod)):
        # It ran when it was seen last, and is gone.
        return find_end_reason(None)
    return reason


def _find_percent(seconds: float, estimate: float | None) -> int:
    """Return how far the bar goes: never to its end, which JupyterHub shows."""
    usual = estimate or 20.0
    return int(90 * (1 - 2 ** (-2 * seconds / usual)))

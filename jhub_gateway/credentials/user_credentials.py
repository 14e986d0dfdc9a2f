"""One user's credentials while a server of theirs runs: written, kept fresh, taken away."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from jhub_gateway.chance import draw_chance
from jhub_gateway.credential_metrics import count_unwritten
from jhub_gateway.credentials.auth_states import forget_state, read_state, replace_state
from jhub_gateway.credentials.login_refresher import LoginRefresher, State
from jhub_gateway.credentials.renewals import LATE, Renewals, Source
from jhub_gateway.credentials.stores import CredentialStore
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Credential, Login
from jhub_gateway.policy.credentials import end_faulty, make_files, make_health
from jhub_gateway.policy.login_states import make_login
from jhub_gateway.policy.refresh import find_late, find_retry, is_short
from jhub_gateway.request_ids import outside_requests

LOGIN_ENDED = "Your login at the gateway has ended: log in again. Your servers go on meanwhile."
# A look at least this often, in seconds: another process of the hub may have changed the login.
LONGEST_SLEEP = 300
# And no more often than this, in seconds, whatever a connector asks for.
SHORTEST_SLEEP = 0.2
# After so many seconds servers are told what there is, whatever a connector still waits for.
CONNECTOR_PATIENCE = 2


class UserCredentials:
    """What one user's servers read, and what renews it.

    ``store`` is where; ``with_id_token`` says whether the ID token goes there too, and
    ``reading_delay`` how long it may take until servers see a change, in seconds.
    """

    def __init__(
        self,
        user: Any,
        login: Any,
        store: CredentialStore,
        log: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._user = user
        self._login = login
        self._store = store
        self._log = log
        self._clock = clock
        self._refresher = LoginRefresher(user, login, store, log, clock)
        self._renewals = Renewals(login, log, clock)
        self._writing = asyncio.Lock()
        self._woken = asyncio.Event()
        self._told = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._failures = 0
        self._is_just_written = False
        self._has_written = False
        self._times: dict[str, Any] = {}
        self.with_id_token = False
        self.reading_delay = 0.0
        self._is_told_short = False
        self.find_sources: Callable[[], Mapping[str, Source]] = dict
        self.health: Mapping[str, Any] | None = None

    @property
    def user(self) -> Any:
        """Whose they are."""
        return self._user

    @property
    def is_ended(self) -> bool:
        """Whether the login has ended, as far as was told to the user's servers."""
        return self.health is not None and self.health["state"] == "ended"

    async def freshen(self, patience: float) -> dict[str, Any] | None:
        """Return the user's ``auth_state``, refreshed if that was due.

        Waits for the provider for ``patience`` seconds at most.
        """
        return await self._refresher.get(patience)

    async def write(self, is_start: bool = False) -> None:
        """Bring the files up to date. Raises CredentialUnavailable if they can't be written.

        For a start it is made sure that they are there, whoever may have removed them.
        A provider or a system that fails is no reason: what there was holds, or is told as late.
        """
        # Two writers could put an older state over a newer one.
        async with self._writing:
            if not (is_start or self._has_written):
                # They are there already if another hub ran before this one, and hold as a rule.
                # Whoever waits for the answer has no login in memory yet: there may be a thousand.
                await self._store.look()
            # A write gives the claim back, which a refresh that goes on still needs.
            state = await self._refresher.get()
            self._times = _find_times(state) if state else {}
            self._warn_of_short(state or {})
            login = make_login(self._user.name, state, self._groups)
            sources = self.find_sources()
            self._renewals.load((state or {}).get("kept", {}), sources)
            if login is None:
                await self._renewals.revoke()
                credentials = self._renewals.end(sources)
            else:
                credentials = await self._renew(login, state, sources)
            await self._save_kept(sources, (state or {}).get("kept", {}))
            if is_start and self._has_written:
                await self._store.look()
            await self._put(login, state, credentials)
            self._is_just_written, self._has_written = is_start, True

    async def _renew(
        self, login: Login, state: State | None, sources: Mapping[str, Source]
    ) -> list[Credential]:
        """Return what the login has of all sources; servers need not wait for the slowest."""
        renewal = asyncio.ensure_future(self._renewals.renew(login, sources))
        try:
            await asyncio.wait({renewal}, timeout=CONNECTOR_PATIENCE)
            if not renewal.done():
                # A store that fails is told by the write that comes after.
                with suppress(CredentialUnavailable):
                    await self._put(login, state, self._renewals.show(sources))
            return await renewal
        finally:
            renewal.cancel()

    async def _put(
        self, login: Login | None, state: State | None, credentials: list[Credential]
    ) -> None:
        told = (login, *self._judge(state), self._end_faulty(credentials))
        more = (self._login.get_login_path(), self.with_id_token)
        self.health = make_health(*told, *more)
        await self._store.write(make_files(*told, *more))

    def keep(self) -> None:
        """Keep the files fresh from now on. Harmless if that is done already."""
        if self._keeping is None or self._keeping.done():
            with outside_requests():
                self._keeping = asyncio.create_task(self._keep())

    async def doubt(self, patience: float) -> None:
        """Refresh the login now, due or not, and tell the servers what has become of it."""
        await self._refresher.get(patience, is_doubted=True)
        self._woken.set()

    def wake(self) -> None:
        """Look at the login now: it has changed."""
        self._refresher.retry_now()
        self._renewals.retry_now()
        self._told.clear()
        self._woken.set()

    async def wait_until_told(self, patience: float) -> None:
        """Return once the servers have been told since the last wake, or after so many seconds."""
        if self._keeping is None or self._keeping.done():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._told.wait()

    def drop(self) -> None:
        """Stop keeping them fresh, and leave the files as they are."""
        if self._keeping:
            self._keeping.cancel()
        self._keeping = None

    async def end(self, is_over: Callable[[], bool]) -> None:
        """Stop keeping them, revoke what connectors issued, and take the files away.

        Nothing of that is done if a server needs them by then. Afterwards they can be written anew.
        """
        # Cut off in the middle, a write would leave files, and a connector what nobody revokes.
        async with self._writing:
            if not is_over():
                return
            self.drop()
            await self._refresher.finish()
            self.health, self._has_written = None, False
            state, _ = await read_state(self._user)
            sources = self.find_sources()
            self._renewals.load((state or {}).get("kept", {}), sources)
            await self._renewals.revoke()
            await self._save_kept({}, (state or {}).get("kept", {}))
            try:
                await self._store.remove()
            except CredentialUnavailable as problem:
                self._log.warning(
                    "The credentials of %s are left for the next sweep: %s",
                    self._user.name,
                    problem,
                )

    @property
    def _groups(self) -> frozenset[str]:
        return frozenset(group.name for group in self._user.groups)

    def _judge(self, state: Mapping[str, Any] | None) -> tuple[str, str]:
        if not state or state.get("ended") or not state.get("access_token"):
            return "ended", LOGIN_ENDED
        late = find_late(state.get("requested_at"), state.get("expires_at"))
        if self._refresher.failures and late is not None and late <= self._clock():
            return "late", LATE
        return "valid", ""

    def _warn_of_short(self, state: Mapping[str, Any]) -> None:
        requested_at, expires_at = state.get("requested_at"), state.get("expires_at")
        if self._is_told_short or requested_at is None or expires_at is None:
            return
        if not is_short(requested_at, expires_at, self.reading_delay):
            return
        self._is_told_short = True
        self._log.warning(
            "The access tokens of %s live for %.0f s, and servers may see a new one %.0f s late: "
            "have the provider give tokens that live for some minutes more",
            self._user.name,
            expires_at - requested_at,
            self.reading_delay,
        )

    def _end_faulty(self, credentials: list[Credential]) -> tuple[Credential, ...]:
        sound, problems = end_faulty(credentials)
        for problem in problems:
            self._log.error("A connector's fault: %s", problem)
        return sound

    async def _save_kept(self, sources: Mapping[str, Source], before: Mapping[str, Any]) -> None:
        """Put into the database what connectors need after a restart of the hub.

        ``before`` is what is there.
        """
        kept = self._renewals.save(sources)
        while kept != before:
            state, seen = await read_state(self._user)
            if not state or state.get("kept", {}) == kept:
                return
            if await replace_state(self._user, seen, {**state, "kept": kept}):
                return

    async def _keep(self) -> None:
        while True:
            try:
                await self._write_again()
                seconds = self._find_sleep()
                self._failures = 0
            except Exception as problem:
                self._fail(problem)
                seconds = find_retry(self._failures, draw_chance())
            forget_state(self._user)
            if not self._woken.is_set():
                self._told.set()
            # Not wait_for: in Python 3.11 it takes no cancellation at the moment of a wake.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    async def _write_again(self) -> None:
        # The start that this goes on from has written them, unless there was news since.
        if not self._is_just_written or self._woken.is_set():
            self._woken.clear()
            await self.write()
        self._is_just_written = False

    def _fail(self, problem: Exception) -> None:
        self._failures += 1
        count_unwritten()
        is_known = isinstance(problem, CredentialUnavailable)
        self._log.warning(
            "The credentials of %s are not written: %s",
            self._user.name,
            problem if is_known else type(problem).__name__,
            exc_info=not is_known,
        )

    def _find_sleep(self) -> float:
        late = find_late(self._times.get("requested_at"), self._times.get("expires_at"))
        now = self._clock()
        times = [
            self._refresher.find_next(self._times),
            self._renewals.next_at,
            late if self._refresher.failures and late and late > now else None,
        ]
        next_at = min((time for time in times if time is not None), default=now + LONGEST_SLEEP)
        return min(max(next_at - now, SHORTEST_SLEEP), LONGEST_SLEEP)


def _find_times(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a login says when it is due, and none of its tokens."""
    times = {key: state.get(key) for key in ("ended", "requested_at", "expires_at")}
    return times | {"refresh_token": bool(state.get("refresh_token"))}

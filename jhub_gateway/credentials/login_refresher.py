"""One user's login, refreshed ahead of its expiry: once, however many ask."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tornado.httpclient import HTTPClientError

from jhub_gateway.chance import draw_chance
from jhub_gateway.clients.oidc import ProviderError
from jhub_gateway.credential_metrics import count_renewal
from jhub_gateway.credentials.auth_states import read_state, replace_state
from jhub_gateway.credentials.stores import CredentialStore
from jhub_gateway.errors import CredentialUnavailable, GatewayError, LoginRefused
from jhub_gateway.policy.credentials import LOGIN
from jhub_gateway.policy.refresh import find_due, find_retry

State = dict[str, Any]


class LoginService(Protocol):
    """What refreshes a login. GatewayLogin is it."""

    async def refresh_login(self, state: Mapping[str, Any]) -> State:
        """Return ``auth_state`` with new tokens, or ended. Raises CredentialUnavailable."""

    async def update_account(self, user: Any, state: Mapping[str, Any]) -> bool:
        """Give the account its groups of today; False if it may not stay."""

    async def end_account(self, user: Any) -> None:
        """Do what the operator wants for a user whose login has ended at the provider."""


class LoginRefresher:
    """Refreshes the login of one user.

    Tasks of this process share one request; the store's claim keeps other processes of the hub
    from asking at the same time. What the provider answered is saved before anything else, as a
    rotated refresh token is the only one that is still good.
    """

    def __init__(
        self,
        user: Any,
        login: LoginService,
        store: CredentialStore,
        log: Any,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._user = user
        self._login = login
        self._store = store
        self._log = log
        self._clock = clock
        self._chance = draw_chance()
        self._running: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._is_doubted = False
        self._unsaved: tuple[State, State] | None = None
        self.failures = 0

    async def get(self, patience: float | None = None, is_doubted: bool = False) -> State | None:
        """Return ``auth_state``, refreshed if that was due, or if it is doubted that it holds.

        Waits for the provider no longer than ``patience`` seconds; the request goes on after that.
        """
        self._is_doubted |= is_doubted
        if not self._is_running:
            state, _ = await read_state(self._user)
            if not self._is_due(state):
                return state
        if not self._is_running:
            self._running = asyncio.create_task(self._refresh_if_due())
        # Cancelling the request could lose the new refresh token.
        await self._wait(patience)
        return (await read_state(self._user))[0]

    @property
    def _is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    async def finish(self) -> None:
        """Wait for a request that is on its way: nobody else may send its refresh token."""
        await self._wait(None)

    async def _wait(self, patience: float | None) -> None:
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=patience)

    def find_next(self, state: State | None) -> float | None:
        """Return when :meth:`get` will have something to do, in seconds since 1970."""
        due = self._find_due(state)
        return None if due is None else max(due, self._retry_at)

    def retry_now(self) -> None:
        """Forget failures and doubts: the user has logged in again, say."""
        self.failures, self._retry_at, self._is_doubted = 0, 0.0, False

    def _find_due(self, state: State | None) -> float | None:
        if not state or state.get("ended"):
            return None
        if self._is_doubted:
            return 0.0
        if state.get("refresh_token") and state.get("requested_at") is None:
            return 0.0  # An older version saved it, which didn't say until when it holds.
        if state.get("expires_at") is None:
            return None
        if not state.get("refresh_token"):
            return float(state["expires_at"])
        return find_due(state["requested_at"], state["expires_at"], self._chance)

    def _is_due(self, state: State | None) -> bool:
        due = self.find_next(state)
        return due is not None and due <= self._clock()

    async def _refresh_if_due(self) -> None:
        try:
            state, _ = await read_state(self._user)
            if not self._is_due(state):
                return
            if await self._store.claim():
                await self._refresh()
            else:
                self._wait_for_another()
        except Exception as problem:
            self._fail(problem)
            await self._give_back_claim()

    async def _refresh(self) -> None:
        # Whoever had the claim before may have refreshed it.
        state, _ = await read_state(self._user)
        if state is None or not self._is_due(state):
            return
        # After a database that failed, the answer of then has the only good refresh token.
        old, new = self._unsaved or (state, await self._login.refresh_login(state))
        self._unsaved = (old, new)
        is_saved = await self._save(old, new)
        self._unsaved = None
        if not is_saved:
            self._log.info("%s has logged in while their tokens were refreshed", self._user.name)
            return
        self.failures, self._retry_at, self._chance = 0, 0.0, draw_chance()
        self._is_doubted = False
        count_renewal(LOGIN, LOGIN, "refused" if new["ended"] else "renewed")
        if new["ended"]:
            self._log.warning("The login of %s has ended: %s", self._user.name, new["ended"])
            await self._login.end_account(self._user)
        else:
            await self._update_account(new)

    async def _save(self, old: State, new: State) -> bool:
        """Save what is new; False if the user has logged in meanwhile, or was removed."""
        changes = {key: value for key, value in new.items() if key not in old or old[key] != value}
        while True:
            state, seen = await read_state(self._user)
            if state is None or not _is_same_login(state, old):
                return False
            # Whoever else changes it, such as for a connector, must not cost the new tokens.
            if await replace_state(self._user, seen, {**state, **changes}):
                return True

    async def _update_account(self, state: State) -> None:
        try:
            await self._login.update_account(self._user, state)
        except (ProviderError, HTTPClientError, LoginRefused) as problem:
            self._log.warning("%s keeps their groups: %s", self._user.name, problem)
        except Exception:
            # The tokens are saved, and good.
            self._log.exception("%s keeps their groups", self._user.name)

    def _wait_for_another(self) -> None:
        self._retry_at = self._clock() + find_retry(1, draw_chance())

    def _fail(self, problem: Exception) -> None:
        is_known = isinstance(problem, GatewayError)
        self.failures += 1
        count_renewal(LOGIN, LOGIN, "failed")
        wait = find_retry(self.failures, draw_chance())
        self._retry_at = self._clock() + wait
        self._log.warning(
            "The tokens of %s are not refreshed (%s); the old ones hold. Trying again in %.1f s",
            self._user.name,
            problem if is_known else type(problem).__name__,
            wait,
            exc_info=not is_known,
        )

    async def _give_back_claim(self) -> None:
        try:
            await self._store.release()
        except CredentialUnavailable as problem:
            self._log.info("A claim is left to end by itself: %s", problem)


def _is_same_login(one: State, other: State) -> bool:
    names = ("access_token", "refresh_token", "requested_at")
    return all(one.get(name) == other.get(name) for name in names)

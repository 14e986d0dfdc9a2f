"""The credentials of all users whose servers run at this hub."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from jhub_gateway.credentials.auth_states import read_state
from jhub_gateway.credentials.stores import FoundStore
from jhub_gateway.credentials.user_credentials import UserCredentials
from jhub_gateway.errors import StartRefused

# How long a login, a logout or the beginning of a start waits for a provider that is slow.
PATIENCE_SECONDS = 3
SWEEP_SECONDS = 600

ListStores = Callable[[], Awaitable[list[FoundStore]]]
# Names of users who have a server.
FindActive = Callable[[], Collection[str]]


class CredentialKeeper:
    """Keeps one :class:`UserCredentials` for each user with a server, and no other.

    Spawners of this project call it at starts and whenever JupyterHub asks whether a server runs,
    so that a hub that was restarted takes up all of them.
    """

    def __init__(self, login: Any, log: Any) -> None:
        self._login = login
        self._log = log
        self._users: dict[int, UserCredentials] = {}
        self._sweeping: asyncio.Task[None] | None = None

    def take(self, user: Any, spawner: Any) -> UserCredentials:
        """Return the user's credentials, as ``spawner`` has them configured."""
        kept = self._find(user)
        if kept is None:
            store = spawner.make_credential_store()
            kept = self._users[user.id] = UserCredentials(user, self._login, store, self._log)
        kept.find_sources = spawner.find_credential_sources
        kept.with_id_token = spawner.id_token_file
        kept.reading_delay = spawner.credential_delay
        return kept

    async def freshen(self, user: Any, spawner: Any) -> dict[str, Any] | None:
        """Return the user's ``auth_state`` for a start, refreshed if that was due."""
        if not getattr(spawner, "gives_credentials", False):
            return (await read_state(user))[0]
        try:
            await spawner.load_owner()
        except StartRefused:
            return None  # The start itself says so to the user.
        return await self.take(user, spawner).freshen(PATIENCE_SECONDS)

    def watch(self, user: Any, spawner: Any) -> None:
        """Keep the credentials of a running server fresh from now on."""
        self.take(user, spawner).keep()

    async def take_up(self, user: Any) -> None:
        """Give the user's servers a new login; wait a little, so that the next page shows it."""
        if kept := self._find(user):
            kept.wake()
            await kept.wait_until_told(PATIENCE_SECONDS)

    async def doubt(self, user: Any) -> None:
        """Refresh the user's login now: the provider may take it no more."""
        if kept := self._find(user):
            await kept.doubt(PATIENCE_SECONDS)

    async def settle(self, user: Any, stopped: Any) -> None:
        """End the user's credentials if ``stopped`` was the last of their servers."""

        def is_over() -> bool:
            return not any(_is_needed(one) for one in user.spawners.values() if one is not stopped)

        kept = self._find(user)
        if kept is None or not is_over():
            return
        await kept.end(is_over)
        # Another one may have begun to start, and has these.
        if is_over():
            self._users.pop(user.id, None)

    def get_health(self, user: Any) -> Mapping[str, Any] | None:
        """Return what the user's servers are told of their credentials; None without any."""
        kept = self._find(user)
        return kept.health if kept else None

    def list_health(self) -> list[Mapping[str, Any]]:
        """Return what the servers of each user are told, of all users whose servers run."""
        return [kept.health for kept in self._users.values() if kept.health]

    def _find(self, user: Any) -> UserCredentials | None:
        kept = self._users.get(user.id)
        if kept is None or kept.user is user:
            return kept
        # The database gives the number of a user who was removed to the next one.
        self._users.pop(user.id).drop()
        return None

    # Stores that nobody's server reads

    def start_sweeping(self, list_stores: ListStores, find_active: FindActive) -> None:
        """Remove, from now on, the stores of users without a server. Called once, in the loop.

        A hub that was killed leaves some. ``find_active`` returns the names of users who have one
        now, at whichever process of the hub it was started.
        """
        self._sweeping = asyncio.ensure_future(self._keep_sweeping(list_stores, find_active))

    async def _keep_sweeping(self, list_stores: ListStores, find_active: FindActive) -> None:
        idle: set[Any] = set()
        while True:
            try:
                idle = await sweep(list_stores, find_active, idle)
            except Exception as problem:
                self._log.warning("Credentials that are left are not looked for: %s", problem)
            await asyncio.sleep(SWEEP_SECONDS)


def _is_needed(spawner: Any) -> bool:
    # Of two that stop at the same time, neither may leave the end to the other.
    return bool(spawner.active) and spawner.pending != "stop"


async def sweep(
    list_stores: ListStores, find_active: FindActive, idle: Collection[Any]
) -> set[Any]:
    """Remove the stores that were idle at the last sweep and are still; return those idle now.

    Several sweepers at once are harmless. A store is identified by ``key``; one that has changed
    since is another one.
    """
    stores = await list_stores()
    active = find_active()
    found = {store.key: store for store in stores if store.username not in active}
    for key in found.keys() & set(idle):
        store = found.pop(key)
        # A server that has begun to start meanwhile may need no change of it.
        if store.username not in find_active():
            await store.remove()
    return set(found)

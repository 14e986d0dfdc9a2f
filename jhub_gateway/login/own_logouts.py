"""Who has just logged out at this hub: a provider tells the hub of that as of any other logout."""

import time
from collections.abc import Callable

# The provider may ask the user whether they mean it.
OWN_LOGOUT_SECONDS = 120


class OwnLogouts:
    """Names of users who were sent to the provider to log out, each for ``OWN_LOGOUT_SECONDS``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: dict[str, float] = {}

    def add(self, username: str) -> None:
        """Remember that the user has logged out here."""
        oldest = self._clock() - OWN_LOGOUT_SECONDS
        self._at = {name: at for name, at in self._at.items() if at > oldest}
        self._at[username] = self._clock()

    def has(self, username: str) -> bool:
        """Whether the user has just logged out here."""
        at = self._at.get(username)
        return at is not None and at > self._clock() - OWN_LOGOUT_SECONDS

    def forget(self, username: str) -> None:
        """Forget the logout: the user is here again."""
        self._at.pop(username, None)

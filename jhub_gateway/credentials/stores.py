"""Where a user's servers read their credentials: one directory of files per user and hub."""

from collections.abc import Mapping
from typing import Protocol


class CredentialStore(Protocol):
    """The files of one user at one hub.

    Several processes of a hub may hold one store each for the same user; :meth:`claim` sees to it
    that one of them renews. All raise CredentialUnavailable where the store can't be reached.
    """

    @property
    def username(self) -> str:
        """The user's name at the hub."""

    async def claim(self) -> bool:
        """Take the right to renew; False if another process has it, or has just used it.

        A process that died with it loses it after a while.
        """

    async def release(self) -> None:
        """Give the right back without a change. Harmless if it was not held."""

    async def write(self, files: Mapping[str, bytes]) -> bool:
        """Make the files be these, and give the right back; say whether anything changed.

        Readers see all old files or all new ones. Makes the store if there is none.
        """

    async def remove(self) -> None:
        """Remove the files, unless another process has changed them since they were last seen."""

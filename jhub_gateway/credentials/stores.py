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

        It has just been used if the files aren't as this store last saw them. Read the database
        after a claim, and not before: a store that is new has seen nothing. A process that died
        with the right loses it after a while. One that lives has saved what it refreshed by
        then; who takes the right later finds nothing due.
        """

    async def release(self) -> None:
        """Give the right back without a change. Harmless if it was not held."""

    async def write(self, files: Mapping[str, bytes]) -> bool:
        """Make the files be these, and give the right back; say whether anything changed.

        Makes the store if there is none. Readers see all old files or all new ones; where that
        can't be, ``credentials.json`` comes last. If it raises, the old files are all there and
        the right is still held: write again, or release it.
        """

    async def look(self) -> None:
        """Find out which files are there now: the next write changes what it has to."""

    async def remove(self) -> None:
        """Remove the files, unless another process has changed them since they were last seen."""


class FoundStore(Protocol):
    """A store that a hub found when it listed all: of a user who may be gone, or whose server is.

    ``key`` is the same each time that the same store is found, and of no other, also of none that
    is made later for the same user. Its age is known by who saw it before: clocks differ.
    """

    @property
    def username(self) -> str:
        """The user's name at the hub when it was made; empty if nothing tells."""

    @property
    def key(self) -> str:
        """Which store it is."""

    async def remove(self) -> None:
        """Remove it, unless it has changed since it was listed. Raises CredentialUnavailable."""

"""Whose server it is: what the home is tied to, and how the hub knows."""

from typing import Any

from jhub_gateway.errors import IdentityError, StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.owners import make_owner
from jhub_gateway.profiled_spawner import ProfiledSpawner

LOG_IN_AGAIN = (
    "The gateway's login doesn't say whose home to open. Log out, log in again, and start your "
    "server then."
)


class OwnedSpawner(ProfiledSpawner):
    """A spawner that knows the identity behind the user's name.

    Mix it in before a JupyterHub Spawner, and await :meth:`load_owner` at each start.
    """

    # What JupyterHub's Spawner brings.
    authenticator: Any

    _owner: Owner | None = None

    @property
    def owner(self) -> Owner:
        """Whose server this is. Known once :meth:`load_owner` has run."""
        if self._owner is None:
            raise RuntimeError("the owner is not loaded yet")
        return self._owner

    @property
    def identity(self) -> str:
        """What is stable about the owner; their home is tied to it."""
        return self.owner.identity

    @property
    def home_directory(self) -> str:
        """The name of the owner's directory on the share."""
        return make_directory_name(self.identity)

    async def load_owner(self) -> None:
        """Find out whose server this is, from the user's login at the gateway.

        Raises StartRefused where the login should say and doesn't: by the name alone the server
        could get another home than the user's own.
        """
        state = await self.user.get_auth_state()
        try:
            owner = make_owner(self.user.name, state)
        except IdentityError as problem:
            raise StartRefused(LOG_IN_AGAIN, str(problem), "login") from None
        if owner.subject is None and getattr(self.authenticator, "gives_subject", False):
            raise StartRefused(
                LOG_IN_AGAIN,
                "auth_state has no issuer and subject: the user has not logged in yet, or "
                "CryptKeeper.keys was changed since they did",
                "login",
            )
        self._owner = owner

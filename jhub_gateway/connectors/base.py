"""What each connector is: one of the gateway's systems, and how its credential is had.

Why the interface is as it is, by the systems that need most of it:

========= ============================ ===================== =================================
System    ``issue`` asks               files                 renewal and end
========= ============================ ===================== =================================
JATOS     an administrator's token     ``<name>.token``,     another each week, and the one
          makes one for the user       ``<name>.url``        before is deleted at the next look;
                                                             ``revoke`` deletes both
Arvados   the login's token makes one, ``settings.conf``     another at half of its lifetime, the
          at any of several hosts                            first ends by itself; ``revoke``
                                                             deletes both
Dataverse the login's token recreates  ``<name>.api_token``, another ends the first, so it is
          the user's one API token     ``<name>.server_url`` seldom; ``revoke`` deletes it
TES, WES  the provider (exchange),     ``<name>.url``        with the token
          nothing (login, static)
========= ============================ ===================== =================================

Systems are looked at by ``renew``: it returns what it was given, with a later ``renew_at``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from jhub_gateway.models import Issued, Login


class TokenService(Protocol):
    """What a connector may ask of the hub. GatewayLogin is it."""

    async def request_token(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the provider's token response to a request of this hub's client.

        Raises CredentialUnavailable (no answer, 5xx), LoginEnded (``invalid_grant``), or
        CredentialRefused (other OAuth errors).
        """

    async def revoke_token(self, token: str) -> None:
        """Have the provider take a token back (RFC 7009); nothing where it has no such endpoint.

        Raises CredentialUnavailable.
        """

    async def httpfetch(self, url: str, **options: Any) -> Any:
        """Return the decoded JSON of a system's own API; None if the answer is empty.

        ``options`` are those of tornado's HTTPRequest; unless ``follow_redirects`` is among them, a
        POST follows none. Raises CredentialUnavailable (no answer,
        5xx, no JSON) or tornado's HTTPClientError (4xx). ``url`` is logged: it must hold no secret.
        """


class Connector(ABC):
    """One system's credential: issued at a start, renewed while a server runs, revoked at the end.

    ``settings`` of the subclass's own are read by :meth:`make`, which gets an entry of the
    spawner's ``credentials`` without the keys that all connectors share;
    :func:`~jhub_gateway.policy.credentials.read_settings` reads them.

    Each call may take 15 seconds, after which it is cancelled and tried again later; those of a
    user's credentials are made side by side.

    One object serves all users, so it holds nothing of any of them. File names are letters, digits,
    dots, hyphens and underscores, unlike those of other credentials; ``<name>`` and
    ``<name>.<anything>`` always are.
    """

    #: Whether ``files`` and ``handle`` must outlive a restart of the hub: the system would count
    #: another credential, or end the first one.
    is_kept: ClassVar[bool] = False

    def __init__(self, name: str, audience: str = "") -> None:
        self.name = name
        self.audience = audience

    @classmethod
    @abstractmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        """Return the connector. Raises ConfigurationError naming the key and its value."""

    def check(self) -> None:  # noqa: B027
        """Raise ConfigurationError if it can't work here; called once, at the hub's start.

        It may read files, and makes no request: a system that is down never stops the hub.
        """

    @abstractmethod
    async def issue(self, login: Login, service: TokenService) -> Issued:
        """Return a new credential for the login.

        Raises CredentialUnavailable, CredentialRefused or LoginEnded.
        """

    async def renew(self, login: Login, service: TokenService, issued: Issued) -> Issued:  # noqa: ARG002
        """Return what follows ``issued``; by default a new credential. Raises as :meth:`issue`.

        Servers may read ``issued`` for two minutes more, so it should hold for that long.
        """
        return await self.issue(login, service)

    async def revoke(self, service: TokenService, issued: Issued) -> None:  # noqa: B027
        """End what was issued: the last server has stopped, the login ended, or a group was lost.

        Raises as :meth:`issue`. Whatever it raises is logged, and nothing more comes of it.
        """

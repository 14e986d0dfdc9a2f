"""The gateway's credentials in users' servers: which there are, and that they are kept fresh."""

import asyncio
from collections.abc import Awaitable, Mapping
from functools import cached_property
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from traitlets import Bool, Dict, List, validate

from jhub_gateway.chance import draw_chance
from jhub_gateway.connectors import make_connectors
from jhub_gateway.credential_metrics import CREDENTIAL_STATES, count_unwritten
from jhub_gateway.credentials.renewals import Source
from jhub_gateway.credentials.stores import CredentialStore, FoundStore
from jhub_gateway.credentials.user_credentials import UserCredentials
from jhub_gateway.data_spawner import DataSpawner
from jhub_gateway.errors import CredentialUnavailable, StartRefused
from jhub_gateway.hub_servers import find_users_with_servers
from jhub_gateway.policy.credentials import (
    CredentialSetting,
    choose_credentials,
    parse_credentials,
)
from jhub_gateway.refusals import LOGIN_ENDED

_TRIES = 3

CREDENTIALS_VARIABLE = "JHUB_GATEWAY_CREDENTIALS"
NOT_WRITTEN = (
    "The gateway's credentials can't be prepared for your server. Try again in a few minutes, and "
    "tell the gateway's operators if it happens again."
)


class CredentialSpawner(DataSpawner):
    """A spawner whose servers read the gateway's credentials as files.

    Mix it in before a JupyterHub Spawner, and await :meth:`load_credentials` at each start.
    """

    # What JupyterHub's Spawner brings.
    handler: Any
    active: bool

    # How long it may take until servers see changed files, in seconds.
    credential_delay = 0.0

    credential_files = Bool(
        True,
        config=True,
        help="""
        Give each server its user's login at the gateway as files, and keep them fresh.

        It needs GatewayAuthenticator or one of its kind; with another authenticator there are no
        such files. On Kubernetes the hub needs the rights of
        helm-values/manifests/beside-chart/credentials-rbac.yaml.
        Default: true. With false servers know nothing of the login, and the hub no longer renews
        it: once the access token has expired, starts have the groups of the last login, and who is
        disabled or loses a group at the provider is noticed at their next login alone, whatever
        ``end_sessions_with_login`` says. JupyterHub's cookies last for 14 days
        (``cookie_max_age_days``); a back-channel logout still ends sessions.
        """,
    )

    id_token_file = Bool(
        False,
        config=True,
        help="""
        Give servers the login's ID token too, as the file ``id_token``. Default: false: it tells
        who the user is, name and e-mail address among it, and few services want it.
        """,
    )

    credentials = List(
        Dict(),
        config=True,
        help="""
        Credentials of the gateway's systems, beside the login's access token, as a list of
        mappings:

        - ``name``: its name for users, in ``jhub_gateway.notebook.token(name)``: lower-case
          letters, digits and hyphens.
        - ``system``: how it is had: ``plain`` (the login's own access token), ``token_exchange``
          (a token for ``audience`` alone, RFC 8693), ``static`` (what the operator keeps in a
          Secret, for all), or one that another package brings.
        - ``audience``: the service that it is for.
        - ``allowed_groups``: who gets it: members of any of these groups, compared exactly.
          Default: everybody.

        The others are the system's own; see the reference of connectors. Default: none.
        """,
    )

    @validate("credentials")
    def _check_credentials(self, proposal: Any) -> Any:
        make_connectors(parse_credentials(proposal.value))
        return proposal.value

    @property
    def gives_credentials(self) -> bool:
        """Whether servers of this hub have credentials."""
        return self.credential_files and getattr(self.authenticator, "gives_subject", False)

    def make_credential_store(self) -> CredentialStore:
        """Return where the owner's servers read their credentials. The owner has to be loaded."""
        raise NotImplementedError

    def list_credential_stores(self) -> Awaitable[list[FoundStore]]:
        """Return all users' stores at this hub. Raises CredentialUnavailable."""
        raise NotImplementedError

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse what a connector finds wrong around it. Raises ConfigurationError."""
        super().check_at_start(app)
        for source in cls.make_for_checks(app)._sources.values():
            source.connector.check()

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Begin to look for the stores that a killed hub left."""
        super().prepare_at_start(app)
        self = cls.make_for_checks(app)
        if self.gives_credentials:
            CREDENTIAL_STATES.show(self.authenticator.keeper.list_health)
            self.authenticator.keeper.start_sweeping(
                self.list_credential_stores, lambda: find_users_with_servers(app)
            )

    @cached_property
    def _settings(self) -> tuple[CredentialSetting, ...]:
        return parse_credentials(self.credentials)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        connectors = make_connectors(self._settings)
        return {one.name: Source(one.system, connectors[one.name]) for one in self._settings}

    def find_credential_sources(self) -> Mapping[str, Source]:
        """Return where the owner's credentials come from, by their groups of today."""
        mine = choose_credentials(self._settings, self.user_groups)
        return {setting.name: self._sources[setting.name] for setting in mine}

    async def load_credentials(self) -> None:
        """Write the files that this start mounts. Raises StartRefused."""
        if not self.gives_credentials:
            return
        kept = self.authenticator.keeper.take(self.user, self)
        await self._write_for_start(kept)
        if kept.is_ended and self._is_asked_on_a_page():
            raise StartRefused(LOGIN_ENDED, "the provider takes the login no more", "login")
        self.authenticator.keeper.watch(self.user, self)

    async def _write_for_start(self, kept: UserCredentials) -> None:
        """Write them, and try again: an API server under load answers a little later."""
        for number in range(1, _TRIES + 1):
            try:
                await kept.write(is_start=True)
                return
            except CredentialUnavailable as problem:
                count_unwritten()
                if number == _TRIES:
                    raise StartRefused(NOT_WRITTEN, str(problem), "credentials") from None
                self.log.warning("The credentials of %s: %s; trying again", self._log_name, problem)
            await asyncio.sleep(number * (0.5 + draw_chance()))

    def make_credential_environment(self, directory: str) -> dict[str, str]:
        """Return the variable that tells the server where it sees its credentials."""
        return {CREDENTIALS_VARIABLE: directory} if self.gives_credentials else {}

    def _is_asked_on_a_page(self) -> bool:
        """Whether the owner asks in a browser, where they can log in again.

        An API request or an administrator's start is never kept waiting for somebody's login.
        """
        if self.handler is None or isinstance(self.handler, APIHandler):
            return False
        return bool(self.handler.current_user == self.user)

    async def poll(self) -> int | None:
        """Say whether the server runs; the credentials of one that does are kept fresh."""
        status = await super().poll()
        # Not those of one that was stopped while it was looked at.
        if status is None and self.active and self.gives_credentials:
            await self._watch()
        return status

    async def _watch(self) -> None:
        try:
            if self._owner is None:
                await self.load_owner()
        except StartRefused as problem:
            # After the hub's key was changed, say. The server runs on, with what it has.
            self.log.debug("No credentials for %s: %s", self._log_name, problem.cause)
        else:
            self.authenticator.keeper.watch(self.user, self)

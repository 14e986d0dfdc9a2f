"""Which of the hub's accounts is whose at the provider."""

from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from jupyterhub import orm

from jhub_gateway.credentials.auth_states import open_state


class Accounts:
    """The hub's accounts by their subjects, and by the sessions of their last logins.

    The database holds both encrypted, so that each account has to be opened: some seconds for
    10,000 of them, between other requests. Who asks again meets only those that have changed.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    async def find(self, db: Any, subject: str | None, session: str | None) -> list[orm.User]:
        """Return the accounts of a subject; without one, those of the provider's session."""
        query = db.query(orm.User.id, orm.User.encrypted_auth_state)
        rows = query.filter(orm.User.encrypted_auth_state.isnot(None)).all()
        self._known = {number: await self._open(number, encrypted) for number, encrypted in rows}
        meant = [number for number, one in self._known.items() if one.is_meant(subject, session)]
        return [user for number in meant if (user := db.get(orm.User, number)) is not None]

    async def _open(self, number: int, encrypted: bytes) -> "_Known":
        digest, known = sha256(encrypted).digest(), self._known.get(number)
        if known is not None and known.digest == digest:
            return known
        state = await open_state(encrypted) or {}
        return _Known(digest, state.get("subject"), state.get("session"))


class _Known(NamedTuple):
    digest: bytes
    subject: str | None
    session: str | None

    def is_meant(self, subject: str | None, session: str | None) -> bool:
        if subject is not None:
            return self.subject == subject
        return session is not None and self.session == session


def read_session(id_token: str | None) -> str | None:
    """Return the provider's session (``sid``) of an ID token that was verified before."""
    if not id_token:
        return None
    session = jwt.decode(id_token, options={"verify_signature": False}).get("sid")
    return session if isinstance(session, str) else None

"""Which of the hub's accounts is whose at the provider."""

from typing import Any

import jwt
from jupyterhub import orm

from jhub_gateway.credentials.auth_states import open_state


async def find_accounts(db: Any, subject: str | None, session: str | None) -> list[orm.User]:
    """Return the accounts of a subject, or those whose last login was in the provider's session.

    The hub's database holds both encrypted, so that each account has to be looked into: some
    seconds for 10,000 of them, between other requests.
    """
    found = []
    query = db.query(orm.User.id, orm.User.encrypted_auth_state)
    for number, encrypted in query.filter(orm.User.encrypted_auth_state.isnot(None)).all():
        state = await open_state(encrypted)
        if state and _is_meant(state, subject, session):
            found.append(db.get(orm.User, number))
    return [user for user in found if user is not None]


def _is_meant(state: dict[str, Any], subject: str | None, session: str | None) -> bool:
    if subject is not None:
        return state.get("subject") == subject
    return session is not None and state.get("session") == session


def read_session(id_token: str | None) -> str | None:
    """Return the provider's session (``sid``) of an ID token that was verified before."""
    if not id_token:
        return None
    session = jwt.decode(id_token, options={"verify_signature": False}).get("sid")
    return session if isinstance(session, str) else None

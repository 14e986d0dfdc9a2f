"""Reading and changing a user's ``auth_state`` while other tasks and hubs may do the same."""

from typing import Any

from jupyterhub import orm
from jupyterhub.crypto import EncryptionUnavailable, InvalidToken, decrypt, encrypt
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm.attributes import set_committed_value

# Of the one column, by the table itself and made once: a query of JupyterHub's objects takes four
# times as long, at each start, and writes first what they have that is new.
_COLUMNS = orm.User.__table__.c
_LOOK = select(_COLUMNS.encrypted_auth_state).where(_COLUMNS.id == bindparam("number"))


async def open_state(encrypted: bytes | None) -> dict[str, Any] | None:
    """Return an ``auth_state``; None where there is none, or no key of the hub's opens it."""
    if encrypted is None:
        return None
    try:
        return await decrypt(encrypted)
    except (ValueError, EncryptionUnavailable, InvalidToken):
        return None


async def read_state(user: Any) -> tuple[dict[str, Any] | None, bytes | None]:
    """Return the user's ``auth_state`` as the database has it now, and its encrypted form.

    The state is None where there is none, or no key of the hub's opens it; both are None for a
    user who was removed. Unlike JupyterHub's ``get_auth_state`` it never writes: with two keys
    that could put an older state over one that was refreshed meanwhile.
    """
    # Another process of the hub may have changed it since it was read.
    seen = user.orm_user.encrypted_auth_state if _look_again(user) else None
    return await open_state(seen), seen


async def replace_state(user: Any, seen: bytes | None, state: dict[str, Any]) -> bool:
    """Put ``state`` in the place of the one that was ``seen``; False if that is there no more."""
    encrypted = await encrypt(state)
    replaced = user.db.execute(
        update(orm.User)
        .where(orm.User.id == user.orm_user.id, orm.User.encrypted_auth_state == seen)
        .values(encrypted_auth_state=encrypted)
        .execution_options(synchronize_session=False)
    )
    user.db.commit()
    _look_again(user)
    return bool(replaced.rowcount)


def forget_state(user: Any) -> None:
    """Let the hub hold no copy of the user's ``auth_state``; who needs it reads it anew.

    It has some kB, in the memory of a hub with a thousand servers too.
    """
    if user.orm_user in user.db:
        user.db.expire(user.orm_user, ["encrypted_auth_state"])


def _look_again(user: Any) -> bool:
    """Have the session know what is in the database; False if the user was removed."""
    found = user.db.execute(_LOOK, {"number": user.orm_user.id}).first()
    if found is not None:
        set_committed_value(user.orm_user, "encrypted_auth_state", found[0])
    return found is not None

"""Reading and changing a user's ``auth_state`` while other tasks and hubs may do the same."""

from typing import Any

from jupyterhub import orm
from jupyterhub.crypto import encrypt
from sqlalchemy import update


async def read_state(user: Any) -> tuple[dict[str, Any] | None, bytes | None]:
    """Return the user's ``auth_state`` as the database has it now, and its encrypted form.

    The state is None where there is none, or no key of the hub's opens it.
    """
    while True:
        # Another process of the hub may have changed it since it was read.
        user.db.refresh(user.orm_user, ["encrypted_auth_state"])
        seen = user.orm_user.encrypted_auth_state
        state = await user.get_auth_state()
        # A login may have put another one there meanwhile.
        if seen == user.orm_user.encrypted_auth_state:
            return state, seen


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
    user.db.refresh(user.orm_user, ["encrypted_auth_state"])
    return bool(replaced.rowcount)

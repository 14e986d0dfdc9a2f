"""The servers that the hub knows of, by its memory and by its database; to free or adopt one."""

import json
from collections.abc import Iterator
from typing import Any

from jupyterhub import orm
from sqlalchemy import Text, literal_column

from jhub_gateway.policy.reconciliation import Server

# JupyterHub's own type of this column has SQLAlchemy compile the query anew each time.
_STATE = literal_column(f"{orm.Spawner.__tablename__}.state", Text)


def read_servers(app: Any) -> list[Server]:
    """Return the servers that the database has, and those that this hub starts, stops or watches.

    The database is asked, whatever this process remembers: another hub may have changed it.
    """
    query = (
        app.db.query(orm.User.name, orm.Spawner.name, _STATE)
        .join(orm.User, orm.Spawner.user_id == orm.User.id)
        .filter(orm.Spawner.server_id.is_not(None))
    )
    # A transaction that began earlier may see the database as it was then.
    app.db.commit()
    stored = {(username, name): json.loads(state or "{}") for username, name, state in query}
    app.db.commit()
    known = {(user.name, name): spawner for user, name, spawner in list_spawners(app)}
    live = {key for key, spawner in known.items() if spawner.pending or is_watched(spawner)}
    return [_make_server(key, stored.get(key), known.get(key)) for key in stored.keys() | live]


def find_users_with_servers(app: Any) -> set[str]:
    """Return who has a server by the database, or one that starts or stops at this hub.

    Asked as in :func:`read_servers`: what this process remembers of another one's is old.
    """
    query = (
        app.db.query(orm.User.name)
        .join(orm.Spawner, orm.Spawner.user_id == orm.User.id)
        .filter(orm.Spawner.server_id.is_not(None))
    )
    app.db.commit()
    stored = {name for (name,) in query}
    app.db.commit()
    return stored | {user.name for user, _, spawner in list_spawners(app) if spawner.pending}


def is_watched(spawner: Any) -> bool:
    """Whether JupyterHub will act when the server ends; one that it only remembers it won't."""
    return bool(spawner._callbacks)


async def free(app: Any, username: str, name: str) -> bool:
    """End the server at the hub if its pod is gone; return whether it was.

    The spawner looks at the pod first, and keeps the reason.
    """
    user = app.users[username]
    known = user.spawners.get(name)
    if known is not None and known.pending:
        return False
    if known is None or not is_watched(known):
        known = _load_anew(app, user, name)
        if known.server is None:
            return False
        _watch_end(app, known)
    return await known.poll_and_notify() is not None


async def adopt(app: Any, username: str, name: str) -> bool:
    """Take up a server that another hub with this database started; return whether it runs.

    It is done as JupyterHub does it for all servers when it starts. One whose pod has not come up
    yet stays as it is.
    """
    user = app.users[username]
    known = user.spawners.get(name)
    if known is not None and (known.pending or is_watched(known)):
        return False
    spawner = _load_anew(app, user, name)
    # A poll takes the pod's address into the database, too.
    if spawner.server is None or await spawner.poll() is not None or not spawner.has_running_pod:
        return False
    if not _is_current(spawner) or spawner.pending:
        return False  # Its user has stopped it meanwhile.
    _watch_end(app, spawner)
    spawner.start_polling()
    await app.proxy.add_user(user, name)
    return True


def list_spawners(app: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield each spawner that this process knows, with its user and its server's name."""
    for user in list(app.users.values()):
        for name, spawner in list(user.spawners.items()):
            yield user, name, spawner


def _make_server(key: tuple[str, str], state: dict[str, Any] | None, spawner: Any) -> Server:
    found = state or {}
    return Server(
        *key,
        pod_name=spawner.pod_name if spawner else found.get("pod_name", ""),
        start_id=found.get("start_id"),
        is_stored=state is not None,
        is_pending=bool(spawner and spawner.pending),
        is_watched=bool(spawner and is_watched(spawner)),
    )


def _load_anew(app: Any, user: Any, name: str) -> Any:
    """Return a spawner with all that the database has of the server now."""
    app.db.commit()
    app.db.refresh(user.orm_user)
    for orm_spawner in user.orm_user._orm_spawners:
        app.db.refresh(orm_spawner)
    user.spawners.pop(name, None)
    return user.spawners[name]


def _is_current(spawner: Any) -> bool:
    return spawner.user.spawners.get(spawner.name) is spawner and spawner.server is not None


def _watch_end(app: Any, spawner: Any) -> None:
    """Have JupyterHub's polling free the user when the server has ended."""

    async def on_end() -> None:
        if not _is_current(spawner):
            return  # The user has another server of that name by now.
        user, name = spawner.user, spawner.name
        await user.stop(name)
        # Whatever becomes of the route: a user who waits for it could never start again.
        await app.proxy.delete_user(user, name)

    spawner.add_poll_callback(on_end)

"""A user's account and sessions at the hub, when the provider says something new of them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyterhub import roles
from jupyterhub.app import JupyterHub
from jupyterhub.utils import new_token

_LOOK_SECONDS = 1
# A task that nobody holds could vanish before it is done.
_stopping: set[asyncio.Task[None]] = set()


def sync_account(user: Any, model: Mapping[str, Any]) -> None:
    """Give the hub's account the groups and the rights that a login would give it now."""
    if model.get("groups") is not None:
        user.sync_groups(model["groups"])
    admin = model.get("admin")
    if admin is not None and admin != user.admin:
        user.admin = admin
        roles.assign_default_roles(user.db, entity=user.orm_user)


async def end_sessions(user: Any, with_servers: bool) -> None:
    """Log the user out of the hub in all browsers, and stop their servers if ``with_servers``.

    Servers keep a browser's token for up to five minutes (JupyterHub's ``cache_max_age``). API
    tokens that the user made stay: they end with the account. This returns before the servers
    have stopped: their stop waits for the refresh that may have called this.
    """
    user.orm_user.cookie_id = new_token()
    for token in list(user.orm_user.api_tokens):
        if token.session_id:
            user.db.delete(token)
    user.db.commit()
    if with_servers:
        task = asyncio.create_task(stop_servers(user))
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)


async def stop_servers(user: Any) -> None:
    """Stop all the user's servers, as the hub's own stop does; one that starts, once it is up."""
    servers = list(user.spawners.items())
    await asyncio.gather(*(_stop_server(user, name, spawner) for name, spawner in servers))


async def _stop_server(user: Any, name: str, spawner: Any) -> None:
    # JupyterHub can't cancel a start, and tells nobody of its end.
    while spawner.pending in ("spawn", "check"):  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    if not spawner.ready:
        return
    hub = JupyterHub.instance()
    try:
        try:
            await hub.proxy.delete_user(user, name)
        finally:
            # Whatever becomes of the route: without a server it leads nowhere.
            await user.stop(name)
    except Exception:
        hub.log.exception("A server of %s, %r, is not stopped as it should be", user.name, name)

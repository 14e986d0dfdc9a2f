"""A user's account and sessions at the hub, when the provider says something new of them."""

from collections.abc import Mapping
from typing import Any

from jupyterhub import roles
from jupyterhub.app import JupyterHub
from jupyterhub.utils import new_token


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
    tokens that the user made stay: they end with the account.
    """
    user.orm_user.cookie_id = new_token()
    for token in list(user.orm_user.api_tokens):
        if token.session_id:
            user.db.delete(token)
    user.db.commit()
    if with_servers:
        await stop_servers(user)


async def stop_servers(user: Any) -> None:
    """Stop all the user's running servers, as the hub's own stop does."""
    proxy = JupyterHub.instance().proxy
    for name, spawner in list(user.spawners.items()):
        if spawner.ready:
            await proxy.delete_user(user, name)
            await user.stop(name)

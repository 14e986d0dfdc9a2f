"""Which of the hub's scopes the culling service needs, and what for."""

from collections.abc import Collection

from jhub_gateway.errors import ConfigurationError

_SERVERS = {
    "read:servers": "to list the servers that run",
    "delete:servers": "to warn of their end and to stop them",
}
_ACCOUNTS = {
    "list:users": "to list accounts, as unknown_after_days asks for",
    "read:users:activity": "to see when an account was last used, as unknown_after_days asks for",
}
_REMOVAL = {"delete:users": "to remove accounts, as remove_users asks for"}


def check_scopes(scopes: Collection[str], lists_accounts: bool, removes_accounts: bool) -> None:
    """Refuse a token that lacks a scope. Raises ConfigurationError, which names each and its use.

    One with a filter, such as ``read:servers!group=a``, is another: it would leave servers out.
    """
    needed = _SERVERS | (_ACCOUNTS if lists_accounts else {})
    if removes_accounts:
        needed |= _REMOVAL
    missing = [f"{scope} ({use})" for scope, use in needed.items() if scope not in scopes]
    if missing:
        raise ConfigurationError(
            f"the token of JUPYTERHUB_API_TOKEN lacks {', '.join(missing)}: give its service a "
            "role with these scopes in JupyterHub.load_roles (hub.loadRoles of the chart)"
        )

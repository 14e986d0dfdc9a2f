"""``jhub-gateway storage stale-mounts``: who still has the folder of a group that they left."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jhub_gateway.clients.hub_api import get_hub_access, list_active_users
from jhub_gateway.errors import ConfigurationError

_HELP = "list running servers that have a folder of a group which their owner left"
_DESCRIPTION = """
List running servers that have a folder of a group which their owner left. It asks the hub, at
JUPYTERHUB_API_URL with JUPYTERHUB_API_TOKEN, the token of a service with the scopes list:users,
read:users:groups, read:servers and admin:server_state. In the hub's own pod:
kubectl exec deploy/hub -- jhub-gateway storage stale-mounts
"""


def add_stale_mounts_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``stale-mounts`` to the commands of ``storage``."""
    parser = commands.add_parser("stale-mounts", help=_HELP, description=_DESCRIPTION)
    parser.set_defaults(run=run_stale_mounts)


def run_stale_mounts(options: argparse.Namespace) -> str:  # noqa: ARG001
    """Return a line for each such folder."""
    url, token = get_hub_access("jhub-gateway storage stale-mounts")
    lines = list(find_stale_mounts(list_active_users(url, token)))
    return "\n".join(lines) or "no server has a folder of a group that its owner left"


def find_stale_mounts(users: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each folder; ``users`` are the hub's REST API's models.

    A server's state says which groups give each folder that it has mounted.
    """
    for user in users:
        _check_readable(user, "groups", "read:users:groups")
        _check_readable(user, "servers", "read:servers")
        for server in user["servers"].values():
            _check_readable(server, "state", "admin:server_state")
            for folder in (server["state"] or {}).get("group_folders", ()):
                if not set(folder["groups"]) & set(user["groups"]):
                    access = "read only" if folder["read_only"] else "read and write"
                    yield (
                        f"{server['url']} has {folder['folder']} ({access}), "
                        f"and {user['name']} is not in {folder['group']} any more"
                    )


def _check_readable(model: Mapping[str, Any], key: str, scope: str) -> None:
    # The hub leaves out what the token may not read; that is no news of nobody.
    if key not in model:
        raise ConfigurationError(
            f"the hub does not show {key} to the token of JUPYTERHUB_API_TOKEN: give its service "
            f"the scope {scope}"
        )

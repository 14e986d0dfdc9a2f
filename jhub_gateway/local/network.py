"""Where a hub on one machine may listen while all its servers share one account."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from jhub_gateway.errors import ConfigurationError


def check_local_mode(app: Any, server_ip: str, is_allowed: bool) -> None:
    """Check that the hub, its proxy and the users' servers listen on loopback alone.

    ``app`` is the JupyterHub application, ``server_ip`` the spawner's ``ip``, and ``is_allowed``
    is ``allow_shared_account_on_network``.

    Raises ConfigurationError that names the trait to change, and its value.
    """
    if is_allowed:
        return
    for trait, address in (*_find_addresses(app), ("Spawner.ip", server_ip or "127.0.0.1")):
        if not is_loopback(address):
            raise ConfigurationError(
                f"{trait} is {address!r}, which is reachable from outside this machine, and all "
                "users' servers run under the hub's own account. Listen on 127.0.0.1, or allow it "
                "by name: c.LocalGatewaySpawner.allow_shared_account_on_network = True"
            )


def is_loopback(address: str) -> bool:
    """Return whether ``address``, a URL or a host, is a socket file or this machine alone.

    A name other than localhost is not: what it resolves to can change.
    """
    url = urlsplit(address if "://" in address else f"//{_in_brackets(address)}")
    if url.scheme.startswith("unix+"):
        return True
    host = url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_addresses(app: Any) -> list[tuple[str, str]]:
    hub = app.hub_bind_url
    return [
        ("JupyterHub.bind_url", app.bind_url),
        ("JupyterHub.hub_bind_url", hub) if hub else ("JupyterHub.hub_ip", app.hub_ip),
    ]


def _in_brackets(host: str) -> str:
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host

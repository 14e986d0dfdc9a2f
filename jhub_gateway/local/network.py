"""Where a hub on one machine may listen while all its servers share one account."""

from typing import Any
from urllib.parse import urlsplit

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.urls import is_loopback


def check_local_mode(app: Any, server_ip: str, is_allowed: bool) -> None:
    """Check that the hub, its proxy and the users' servers listen on loopback alone.

    ``app`` is the JupyterHub application, ``server_ip`` the spawner's ``ip``, and ``is_allowed``
    is ``allow_shared_account_on_network``.

    Raises ConfigurationError that names the trait to change, and its value.
    """
    if is_allowed:
        return
    for trait, address in (*_find_addresses(app), ("Spawner.ip", server_ip or "127.0.0.1")):
        if not is_on_this_machine(address):
            raise ConfigurationError(
                f"{trait} is {address!r}, which is reachable from outside this machine, and all "
                "users' servers run under the hub's own account. Listen on 127.0.0.1, or allow it "
                "by name: c.LocalGatewaySpawner.allow_shared_account_on_network = True"
            )


def is_on_this_machine(address: str) -> bool:
    """Return whether only this machine reaches ``address``: a URL, a host or a socket file."""
    url = urlsplit(address if "://" in address else f"//{_in_brackets(address)}")
    if url.scheme.startswith("unix+"):
        return True
    return is_loopback(url.hostname or "")


def _find_addresses(app: Any) -> list[tuple[str, str]]:
    hub = app.hub_bind_url
    addresses = [
        ("JupyterHub.bind_url", app.bind_url),
        ("JupyterHub.hub_bind_url", hub) if hub else ("JupyterHub.hub_ip", app.hub_ip),
    ]
    # Made after this check. Unless it is set, the proxy's API is on loopback.
    if "api_url" in app.config.ConfigurableHTTPProxy:
        api_url = app.config.ConfigurableHTTPProxy.api_url
        addresses.append(("ConfigurableHTTPProxy.api_url", api_url))
    return addresses


def _in_brackets(host: str) -> str:
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host

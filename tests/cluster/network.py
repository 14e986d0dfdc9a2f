"""The bridge that pods and this machine share, and the plugin configuration for it.

Pods reach this machine at GATEWAY, each other and, through it, Services; there is no route and no
address translation to anywhere else.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from .control_plane import SERVICE_RANGE
from .errors import ClusterError
from .paths import NAME, NAMES, RUN


def get_gateway(name: str) -> str:
    """This machine's address for the pods of the cluster `name`."""
    return f"10.{244 + NAMES.index(name)}.0.1"


BRIDGE = f"jhub-gateway{NAMES.index(NAME)}"
NETWORK = f"jhub-gateway-test{NAMES.index(NAME) or ''}"
GATEWAY = get_gateway(NAME)
POD_RANGE = f"{GATEWAY.removesuffix('.1')}.0/24"

CNI_CONFIG = RUN / "cni"


def make() -> None:
    """Make the bridge with this machine's address on it, before the first pod needs it."""
    taken = [link["ifname"] for link in _get_links() if GATEWAY in _get_addresses(link)]
    if taken:
        raise ClusterError(
            f"The address {GATEWAY}, by which pods reach this machine, is in use on {taken[0]}: "
            "stop the other Kubernetes on this machine first."
        )
    _ip("link", "add", BRIDGE, "address", _make_hardware_address(), "type", "bridge")
    _ip("address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    if not NAME:
        # A machine without a way to the world could else not even ask for a Service.
        _ip("route", "add", SERVICE_RANGE, "dev", BRIDGE)
    _write_plugin_configuration()


def remove() -> None:
    """Remove the bridge, what is plugged into it and the plugins' notes on it."""
    for link in _get_links():
        if link.get("master") == BRIDGE or link["ifname"] == BRIDGE:
            _ip("link", "delete", link["ifname"], check=False)
    results = Path("/var/lib/cni/results")
    for result in results.glob(f"{NETWORK}-*"):
        container = result.name.removeprefix(f"{NETWORK}-").partition("-")[0]
        for note in results.glob(f"*-{container}-*"):
            note.unlink()


def _write_plugin_configuration() -> None:
    ranges = [[{"subnet": POD_RANGE, "gateway": GATEWAY}]]
    routes = [{"dst": POD_RANGE}, {"dst": SERVICE_RANGE}]
    addresses = {"type": "host-local", "dataDir": str(RUN / "addresses"), "ranges": ranges}
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses if NAME else {**addresses, "routes": routes},
    }
    CNI_CONFIG.mkdir(parents=True, exist_ok=True)
    content = {"cniVersion": "0.4.0", "name": NETWORK, "plugins": [bridge]}
    Path(CNI_CONFIG, "10-bridge.conflist").write_text(json.dumps(content, indent=2))


def _make_hardware_address() -> str:
    return ":".join(["0a:58", *(f"{int(part):02x}" for part in GATEWAY.split("."))])


def _get_links() -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = json.loads(_ip("-json", "address", "show"))
    return links


def _get_addresses(link: dict[str, Any]) -> list[str]:
    return [address.get("local", "") for address in link.get("addr_info", [])]


def _ip(*args: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *args], text=True, capture_output=True)
    if check and done.returncode:
        raise ClusterError(f"ip {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout

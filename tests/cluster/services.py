"""What Services, their names and network policies need on the node, beside the kubelet.

The cluster that tests share has them. One that tests break has not: kube-proxy and the policies
write rules for the whole machine, which has room for one of each.
"""

import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from . import cgroups, process, sysctls
from .api import Api
from .control_plane import get_free_ports
from .errors import ClusterError
from .kubeconfig import write_kubeconfig
from .kubelet import NODE
from .network import GATEWAY, POD_RANGE
from .paths import NAME, STATE, make_private_dir
from .pki import Authority

NAMES = [] if NAME else ["api-forwarder", "kube-proxy", "kube-network-policies", "service-names"]
API_PORT = 6443
"""Where pods reach the API server, at this machine's address for them."""

TABLES = ("ip kube-proxy", "ip6 kube-proxy", "inet kube-network-policies")
"""The tables of rules that the programs make, and leave behind."""

QUEUE = 100
"""The kernel's queue in which new connections wait for what the policies say of them."""

ROOT = STATE / "services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def start(authority: Authority, api: Api) -> None:
    """Start the programs; return once pods can reach the API server by its Service."""
    if not NAMES:
        return
    sysctls.let_rules_see_bridges()
    make_private_dir(ROOT)
    kubeconfig = ROOT / "kubeconfig"
    # As any cluster's network programs do, they see all namespaces.
    admin = authority.issue("services", "jhub-gateway-test-services", ("system:masters",))
    write_kubeconfig(kubeconfig, api.server, admin)
    host = urlsplit(api.server).netloc
    process.start("api-forwarder", f"-listen={GATEWAY}:{API_PORT}", f"-to={host}")
    _tell_where_the_api_is(api)
    process.start("service-names", f"-kubeconfig={kubeconfig}", f"-listen={GATEWAY}:53")
    policies = (f"-kubeconfig={kubeconfig}", f"-node={NODE}", f"-queue={QUEUE}")
    process.start("kube-network-policies", *policies)
    process.start("kube-proxy", f"--config={_write_proxy_config(kubeconfig)}")
    for name in NAMES:
        cgroups.join(process.get_pid(name) or 0)
    process.wait_until("Services had addresses", _has_rules, needs=NAMES, seconds=30)
    _ask_policies()


def stop() -> None:
    """End the programs and remove their rules."""
    for name in NAMES:
        process.stop(name)
    if NAMES:
        _ask_no_policies()
        for table in TABLES:
            # There is none where the machine went down, or nothing was started.
            subprocess.run(["nft", "delete", "table", *table.split()], capture_output=True)


def is_running() -> bool:
    """Whether all of the programs run."""
    return all(process.get_pid(name) for name in NAMES)


def _tell_where_the_api_is(api: Api) -> None:
    """Give the Service ``kubernetes`` its endpoint: a server on a loopback can't do it itself."""
    endpoints: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [GATEWAY], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
    }
    status, answer = api.call("POST", SLICES, endpoints)
    if status not in (201, 409):
        raise ClusterError(f"The API server refused its own endpoint: {answer.decode()}")


def _write_proxy_config(kubeconfig: Path) -> Path:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": NODE,
        "bindAddress": GATEWAY,
        "clusterCIDR": POD_RANGE,
        "healthzBindAddress": "",
        "metricsBindAddress": f"127.0.0.1:{get_free_ports(1)[0]}",
        "nodePortAddresses": [f"{GATEWAY}/32"],
        # The machine's settings of connection tracking are its own.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    path = ROOT / "kube-proxy.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _ask_policies() -> None:
    """Have the policies asked about each new connection of pods, but those of this machine's root.

    Their own rules need a kernel with nftables' queue, which not all have. Nobody is asked any more
    once the program has ended.
    """
    _ask_no_policies()
    for rule in _make_rules():
        process.run("policies", ["iptables", "-w", "-t", "mangle", "-A", *rule])


def _ask_no_policies() -> None:
    for rule in _make_rules():
        while not subprocess.run(
            ["iptables", "-w", "-t", "mangle", "-D", *rule], capture_output=True
        ).returncode:
            pass


def _make_rules() -> list[list[str | Path]]:
    new = ("-m", "conntrack", "--ctstate", "NEW", "-m", "owner", "!", "--uid-owner", "0")
    asked = ("-j", "NFQUEUE", "--queue-num", str(QUEUE), "--queue-bypass")
    return [["POSTROUTING", side, POD_RANGE, *new, *asked] for side in ("-s", "-d")]


def _has_rules() -> bool:
    """Whether the Service ``kubernetes`` leads to the API server."""
    listed = subprocess.run(["nft", "list", "table", "ip", "kube-proxy"], capture_output=True)
    return f"{GATEWAY}:{API_PORT}".encode() in listed.stdout.replace(b" . ", b":")

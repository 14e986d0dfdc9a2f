"""The kubelet: runs the pods that the scheduler puts on the node."""

import shutil
from pathlib import Path

import yaml

from . import cgroups, process
from .containerd import SOCKET
from .control_plane import get_free_ports
from .kubeconfig import write_kubeconfig
from .network import GATEWAY
from .paths import LOGS, RUN, STATE, make_private_dir
from .pki import Authority, Credential

NODE = "test-node"
ROOT = STATE / "kubelet"
POD_LOGS = LOGS / "pods"


def start(authority: Authority, server: str) -> None:
    """Start the kubelet as the node NODE, at the address by which pods know this machine."""
    make_private_dir(ROOT)
    shutil.rmtree(POD_LOGS, ignore_errors=True)
    client = authority.issue("kubelet", f"system:node:{NODE}", ("system:nodes",))
    serving = authority.issue("kubelet-server", NODE, hosts=(NODE, GATEWAY))
    write_kubeconfig(ROOT / "kubeconfig", server, client)
    config = ROOT / "config.yaml"
    config.write_text(yaml.safe_dump(_make_config(authority, serving), sort_keys=False))
    pid = process.start(
        "kubelet",
        f"--config={config}",
        f"--kubeconfig={ROOT / 'kubeconfig'}",
        f"--root-dir={ROOT}",
        f"--hostname-override={NODE}",
        f"--node-ip={GATEWAY}",
    )
    cgroups.join(pid)


def stop() -> None:
    """Stop the kubelet; the containers go on until containerd ends them."""
    process.stop("kubelet")


def remove_leftovers() -> None:
    """Remove the kubelet's files, also those that it keeps at fixed places."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(POD_LOGS):
            link.unlink()


def _make_config(authority: Authority, serving: Credential) -> dict[str, object]:
    port, health_port = get_free_ports(2)
    signals = ("imagefs.available", "nodefs.available", "nodefs.inodesFree")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": GATEWAY,
        "port": port,
        "healthzPort": health_port,
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(authority.certificate)},
        },
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "volumePluginDir": str(RUN / "volume-plugins"),
        "podLogsDir": str(POD_LOGS),
        # The machine's own cgroup manager, if any, is left out of it; both versions work so.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.NAME}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # The machine is the developer's: nothing is reserved, evicted or collected on it.
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "evictionHard": dict.fromkeys(signals, "0%"),
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        # How soon pods see a changed Secret: a minute elsewhere, which tests can't wait for.
        "syncFrequency": "1s",
        # The node says that it is alive at each quarter of this.
        "nodeLeaseDurationSeconds": 12,
        # What is said there of names: see services.py. In the second cluster nothing answers.
        "clusterDNS": [GATEWAY],
        "clusterDomain": "cluster.local",
    }

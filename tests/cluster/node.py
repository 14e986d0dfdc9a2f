"""The node: containerd and the kubelet, and the removal of all that they leave on the machine."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from . import cgroups, containerd, kubelet, mounts, network, process, services, sysctls
from .api import Api
from .errors import ClusterError
from .paths import ROOT, RUN, STATE
from .pki import Authority
from .progress import step
from .requirements import extend_path
from .versions import PAUSE_IMAGE

NAMES = ["containerd", "kubelet", *services.NAMES]
NODE_PATH = f"/api/v1/nodes/{kubelet.NODE}"
PODS_PATH = "/api/v1/namespaces/default/pods"

FIXED_FOLDERS = (
    *("/var/lib/kubelet/device-plugins", "/var/lib/kubelet", "/var/log/containers"),
    *("/var/lib/cni/results", "/var/lib/cni", "/run/containerd/s", "/run/containerd"),
)
"""Folders that the node's programs make wherever else their files are."""

OWNER = RUN / "owner"
"""Names the checkout whose node this is: a machine has one at a time."""


def start(authority: Authority, api: Api, archives: dict[str, Path]) -> None:
    """Start the node and return once a pod has run on it."""
    if (owner := get_owner()) is not None:
        raise ClusterError(f"Another checkout's node runs on this machine. Take it down in {owner}")
    RUN.mkdir(parents=True)
    OWNER.write_text(str(ROOT))
    sysctls.save()
    cgroups.make()
    network.make()
    with step("starting containerd"):
        containerd.start()
    containerd.load_images(archives)
    with step("starting the kubelet"):
        kubelet.start(authority, api.server)
        process.wait_until(
            "the node was ready",
            lambda: is_node_ready(api),
            needs=["kubelet", "containerd"],
            seconds=90,
        )
    with step("starting Services and network policies"):
        services.start(authority, api)
    with step("running a first pod"):
        _run_first_pod(api)


def stop() -> None:
    """End the node: its processes, mounts, devices, cgroups and changes of kernel settings.

    Also ends what is left of a node that another checkout lost. Raises ClusterError if this
    checkout's node would need root for that.
    """
    owner = get_owner()
    if owner is None or (owner != ROOT and cgroups.get_pids()):
        return
    if os.geteuid() != 0:
        if owner == ROOT:
            raise ClusterError("root started this cluster's node: run the command as root.")
        return
    extend_path()
    services.stop()
    kubelet.stop()
    containerd.stop()
    cgroups.end()
    mounts.unmount_below(RUN, owner / STATE.name)
    network.remove()
    sysctls.restore()
    kubelet.remove_leftovers()
    shutil.rmtree(RUN)
    for folder in FIXED_FOLDERS:
        # Not empty means that it is somebody else's too.
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def get_owner() -> Path | None:
    """The checkout whose node runs on this machine or has left something behind."""
    if OWNER.exists():
        return Path(OWNER.read_text())
    return ROOT if RUN.exists() else None


def is_running() -> bool:
    """Whether the programs of the node run."""
    return all(process.get_pid(name) for name in NAMES)


def is_node_ready(api: Api) -> bool:
    """Whether the scheduler puts pods on the node."""
    node = api.get(NODE_PATH)
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not node["spec"].get("taints")


def _run_first_pod(api: Api) -> None:
    """Run the pause image in a pod: shows that network, image and runtime work together."""
    name = "first-pod"
    container = {"name": "pause", "image": PAUSE_IMAGE, "imagePullPolicy": "Never"}
    spec = {"containers": [container], "automountServiceAccountToken": False}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    status, answer = api.call("POST", PODS_PATH, pod)
    if status != 201:
        raise ClusterError(f"The API server refused a first pod: {answer.decode()}")
    deadline = time.monotonic() + 60
    while api.get(f"{PODS_PATH}/{name}").get("status", {}).get("phase") != "Running":
        if time.monotonic() > deadline:
            events = api.get("/api/v1/namespaces/default/events").get("items", [])
            messages = "\n".join(f"  {event['reason']}: {event['message']}" for event in events)
            raise ClusterError(
                f"A first pod did not run on the node. What Kubernetes says of it:\n{messages}\n"
                f"{process.get_last_lines('kubelet')}"
            )
        time.sleep(0.1)
    api.call("DELETE", f"{PODS_PATH}/{name}?gracePeriodSeconds=0")

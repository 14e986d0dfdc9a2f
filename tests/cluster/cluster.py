"""Up, down and status of the whole cluster."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from . import cgroups, containerd, control_plane, images, kubelet, mounts, node, process
from .api import Api
from .build import provide_programs
from .errors import ClusterError
from .kubeconfig import write_private
from .paths import BIN, KUBECONFIG, PKI, ROOT, STATE, STORAGE
from .pki import Authority
from .progress import say
from .requirements import check_node_requirements
from .versions import get_build_key

ANSWER_SECONDS = 30
"""How long programs that run may take to answer: a busy machine is no reason to end them."""

STORES = ("etcd", "kube-apiserver")
CLIENTS = ("kube-controller-manager", "kube-scheduler", "kubelet")

BUILD_KEY = STATE / "build-key"
"""Names the programs that the running cluster was started with."""


def up(level: str) -> Path:
    """Bring the cluster up to `level`, "control-plane" or "node"; the path of its kubeconfig.

    A cluster that already runs is used as it is. The remains of one that crashed are removed.
    """
    with _lock():
        if given := get_given_kubeconfig():
            _use(given)
        elif level == "control-plane":
            _bring_up_control_plane()
        else:
            _bring_up_node()
    return KUBECONFIG


def down() -> None:
    """End the cluster. Logs stay, and so do the images, which are slow to load."""
    with _lock():
        _remove_everything()


def get_status() -> dict[str, str]:
    """What runs: each program of the cluster with its pid, or "not running"."""
    names = [*control_plane.NAMES, *node.NAMES]
    pids = {name: process.get_pid(name) for name in names}
    return {name: f"pid {pid}" if pid else "not running" for name, pid in pids.items()}


def get_level() -> str | None:
    """The level at which the cluster runs and is healthy; None if it does not."""
    if not control_plane.is_running() or _get_running_build() != get_build_key():
        return None
    api = Api(KUBECONFIG)
    if not _answers_in_time(api.is_ready):
        return None
    is_node = node.is_running() and _answers_in_time(lambda: node.is_node_ready(api))
    return "node" if is_node else "control-plane"


def stop_program(name: str, is_killed: bool = False) -> None:
    """Stop one program of the cluster, as a fault: the others go on. Logs and data stay."""
    with _lock():
        if is_killed:
            process.kill(name)
        else:
            process.stop(name, seconds=10)


def start_program(name: str) -> None:
    """Start one program again that was stopped, as it was; return once the cluster is well."""
    with _lock():
        # An API server that has just started ends without etcd.
        for needed in STORES if name in STORES else [name]:
            if process.get_pid(needed) is None:
                _start_again(needed)
        api = Api(KUBECONFIG)
        process.wait_until("the API server was ready", api.is_ready, needs=[name], seconds=60)
        if name in STORES:
            # The longer it was away the longer they wait before they ask again: up to a minute.
            for client in CLIENTS:
                if process.get_pid(client) is not None:
                    process.stop(client)
                    _start_again(client)
        if name in node.NAMES:
            ready = partial(node.is_node_ready, api)
            process.wait_until("the node was ready", ready, needs=[name], seconds=60)


def load_images(provide: Callable[[], dict[str, Path]]) -> None:
    """Load more images into a node that runs: the archives that `provide` returns, by name."""
    with _lock():
        containerd.load_images(provide())


def get_given_kubeconfig() -> Path | None:
    """The cluster that the environment names; this cluster's own kubeconfig does not count."""
    given = os.environ.get("JHUB_GATEWAY_TEST_KUBECONFIG")
    if not given or Path(given).absolute() == KUBECONFIG:
        return None
    if not Path(given).is_file():
        raise ClusterError(f"JHUB_GATEWAY_TEST_KUBECONFIG names {given}, which is no file.")
    return Path(given)


def _bring_up_control_plane() -> None:
    if get_level() is None:
        _remove_everything()
        provide_programs()
        _start_control_plane()


def _bring_up_node() -> None:
    check_node_requirements()
    level = get_level()
    if level == "node":
        containerd.load_images(images.provide_archives())
        return
    if level is None:
        _remove_everything()
        provide_programs()
        archives = images.provide_archives()
        authority, api = _start_control_plane()
    else:
        # Others may use the control plane: only the node is made anew.
        node.stop()
        archives = images.provide_archives()
        authority, api = Authority.load(), Api(KUBECONFIG)
    node.start(authority, api, archives)


def _start_control_plane() -> tuple[Authority, Api]:
    authority = Authority.make()
    api = control_plane.start(authority)
    BUILD_KEY.write_text(get_build_key())
    return authority, api


def _use(given: Path) -> None:
    """Use a cluster that is not ours: only a copy of its kubeconfig is made."""
    say(f"using the cluster of JHUB_GATEWAY_TEST_KUBECONFIG ({given})")
    write_private(KUBECONFIG, given.read_text())
    kubectl = shutil.which("kubectl")
    if kubectl and not (BIN / "kubectl").exists():
        BIN.mkdir(parents=True, exist_ok=True)
        (BIN / "kubectl").symlink_to(kubectl)


def _remove_everything() -> None:
    node.stop()
    control_plane.stop()
    # Never remove a folder through which a mount still leads to somebody's files.
    mounts.unmount_below(STATE)
    kubelet.remove_leftovers()
    for folder in (control_plane.CONFIG, control_plane.ETCD_DATA, PKI, STORAGE, BIN):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (KUBECONFIG, BUILD_KEY):
        file.unlink(missing_ok=True)


def _get_running_build() -> str:
    return BUILD_KEY.read_text() if BUILD_KEY.exists() else ""


def _start_again(name: str) -> None:
    pid = process.start_again(name)
    if name in node.NAMES:
        cgroups.join(pid)


def _answers_in_time(ask: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + ANSWER_SECONDS
    while not ask():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@contextmanager
def _lock() -> Iterator[None]:
    """Let one command at a time work on the cluster; the next one waits."""
    STATE.mkdir(exist_ok=True)
    if not os.access(STATE, os.W_OK):
        raise ClusterError(
            f"{STATE} belongs to another user, who started the cluster of {ROOT.name}: run the "
            "command as that user (or as root)."
        )
    with open(STATE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

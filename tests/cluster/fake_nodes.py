"""Fake nodes beside the control plane: kwok says that their pods run, and none does.

Hundreds of pods can start on a machine of two cores so. Needs no root. The nodes are tainted, so
that no other pod is put on them: a real node may be in the same cluster.
"""

import hashlib
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import process
from .api import Api
from .build import build_package, link_program
from .cache import provide
from .errors import ClusterError
from .go import make_go
from .go_module import get_go_version
from .paths import BIN, KUBECONFIG

KWOK_MODULE = Path(__file__).parent / "kwok"
"""The Go module of kwok. Its go.mod is where the version is pinned."""

MANAGED = {"kwok.x-k8s.io/node": "fake"}
"""The annotation of the nodes that kwok looks after; it leaves all others alone."""

NODE_SELECTOR = {"jhub-gateway.test/node": "fake"}
TAINT = {"key": "jhub-gateway.test/fake", "value": "true", "effect": "NoSchedule"}
TOLERATION = {"key": TAINT["key"], "operator": "Exists", "effect": TAINT["effect"]}
"""What a pod needs, beside NODE_SELECTOR, to be put on a fake node."""

_PACKAGE = "sigs.k8s.io/kwok/cmd/kwok"
_NODES = "/api/v1/nodes"


@contextmanager
def run_fake_nodes(count: int) -> Iterator[None]:
    """Run kwok and `count` ready nodes, each with room for 1000 pods, on the cluster that is up.

    kwok is built if the cache has none, which takes minutes, once.
    """
    room = {"cpu": "1000", "memory": "4Ti", "pods": "1000"}
    with run_nodes([make_fake_node(f"fake-{number}", room) for number in range(count)]):
        yield


@contextmanager
def run_nodes(nodes: Sequence[dict[str, Any]], kubeconfig: Path = KUBECONFIG) -> Iterator[None]:
    """Run kwok and these nodes, as `make_fake_node` makes them, on a cluster that is up."""
    BIN.mkdir(parents=True, exist_ok=True)
    link_program("kwok", provide_kwok())
    api = Api(kubeconfig)
    try:
        process.start("kwok", *_make_arguments(kubeconfig))
        for node in nodes:
            _create(api, node)
        process.wait_until(
            "the fake nodes were ready",
            lambda: all(_is_ready(api, node) for node in nodes),
            needs=["kwok"],
            seconds=60,
        )
        yield
    finally:
        for node in nodes:
            api.call("DELETE", f"{_NODES}/{node['metadata']['name']}")
        process.stop("kwok")


def provide_kwok() -> Path:
    """The path of kwok; builds it if the cache has none."""
    version = get_kwok_version()
    message = f"building kwok {version} from Go modules (minutes, once)"
    return provide(f"programs/kwok-{version}-{_get_key()}", message, _build_kwok)


def get_kwok_version() -> str:
    """The version that the committed go.mod requires."""
    match = re.search(r"sigs\.k8s\.io/kwok v([\d.]+\S*)", (KWOK_MODULE / "go.mod").read_text())
    if match is None:
        raise ClusterError(f"{KWOK_MODULE / 'go.mod'} requires no sigs.k8s.io/kwok")
    return match[1]


def _get_key() -> str:
    content = b"".join((KWOK_MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return f"{platform.machine()}-{hashlib.sha256(content).hexdigest()[:12]}"


def _build_kwok(target: Path) -> None:
    go = make_go(get_go_version((KWOK_MODULE / "go.mod").read_text()))
    flags = f"-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v{get_kwok_version()}"
    build_package(go, KWOK_MODULE, _PACKAGE, target, flags)


def _make_arguments(kubeconfig: Path) -> list[str]:
    (selector,) = MANAGED.items()
    return [
        f"--kubeconfig={kubeconfig}",
        # Without leases the nodes are taken for lost after a minute.
        "--node-lease-duration-seconds=40",
        # It would log each of its requests.
        "--v=WARN",
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={'='.join(selector)}",
    ]


def make_fake_node(
    name: str, room: dict[str, str], labels: dict[str, str] = NODE_SELECTOR
) -> dict[str, Any]:
    """The manifest of a node with `room` for its pods: cpu, memory and pods."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": MANAGED, "labels": labels},
        "spec": {"taints": [TAINT]},
        "status": {"allocatable": room, "capacity": room},
    }


def _create(api: Api, node: dict[str, Any]) -> None:
    status, answer = api.call("POST", _NODES, node)
    # 409: one that a run left which was killed.
    if status not in (201, 409):
        raise ClusterError(f"The API server refused a fake node: {answer.decode()}")


def _is_ready(api: Api, node: dict[str, Any]) -> bool:
    found = api.get(f"{_NODES}/{node['metadata']['name']}")
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

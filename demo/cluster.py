"""Which Kubernetes ``make demo-kubernetes`` uses, and what it has to know about it."""

import os
from dataclasses import dataclass
from typing import Any

from demo.errors import DemoError
from demo.paths import ROOT, STATE
from tests.cluster.network import GATEWAY
from tests.cluster.storage import make_shared_claim_manifests, make_shared_directory
from tests.cluster.versions import USER_IMAGE

NAMESPACE = "jhub-gateway-demo"
CLAIM = "gateway-share"

_OWN_KUBECONFIG = ROOT / ".cluster" / "kubeconfig"

# What a cluster that isn't ours cannot be asked about.
_NEEDED = {
    "DEMO_HUB_CONNECT_IP": "the address by which pods reach this machine",
    "DEMO_IMAGE": "the image of the users' servers: JupyterLab, jupyterhub 5.5 and jhub-gateway",
    "DEMO_STORAGE_CLASS": "a storage class that gives ReadWriteMany volumes",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster to run pods on.

    The hub listens on ``hub_ip``, and pods call it at ``hub_connect_ip``. ``init_image`` prepares
    the share and the users' homes. ``storage`` holds the manifests of the shared claim.
    """

    kubeconfig: str
    hub_ip: str
    hub_connect_ip: str
    image: str
    init_image: str
    storage: list[dict[str, Any]]

    @property
    def environment(self) -> dict[str, str]:
        """What ``kubernetes_config.py`` reads."""
        return {
            "KUBECONFIG": self.kubeconfig,
            "DEMO_NAMESPACE": NAMESPACE,
            "DEMO_CLAIM": CLAIM,
            "DEMO_HUB_IP": self.hub_ip,
            "DEMO_HUB_CONNECT_IP": self.hub_connect_ip,
            "DEMO_IMAGE": self.image,
            "DEMO_INIT_IMAGE": self.init_image,
        }


def find_cluster() -> Cluster:
    """Return the current context of ``KUBECONFIG`` if that is set, else `make cluster-up`'s.

    Raises DemoError when there is neither, or when something about it is not known.
    """
    given = os.environ.get("KUBECONFIG")
    if given:
        return _make_given(given)
    if not _OWN_KUBECONFIG.exists():
        raise DemoError(
            "there is no cluster: run make cluster-up first (as root), or set KUBECONFIG to the "
            "kubeconfig of a cluster of yours."
        )
    return _make_own()


def _make_own() -> Cluster:
    share = make_shared_directory(CLAIM, STATE / "share")
    return Cluster(
        kubeconfig=str(_OWN_KUBECONFIG),
        hub_ip=GATEWAY,
        hub_connect_ip=GATEWAY,
        image=USER_IMAGE,
        init_image=USER_IMAGE,
        storage=make_shared_claim_manifests(CLAIM, NAMESPACE, share),
    )


def _make_given(kubeconfig: str) -> Cluster:
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        wanted = "; ".join(f"{name}, {_NEEDED[name]}" for name in missing)
        raise DemoError(f"for the cluster of KUBECONFIG set also {wanted}.")
    return Cluster(
        kubeconfig=kubeconfig,
        hub_ip=os.environ.get("DEMO_HUB_IP") or "0.0.0.0",
        hub_connect_ip=os.environ["DEMO_HUB_CONNECT_IP"],
        image=os.environ["DEMO_IMAGE"],
        init_image=os.environ.get("DEMO_INIT_IMAGE") or os.environ["DEMO_IMAGE"],
        storage=[_make_claim(os.environ["DEMO_STORAGE_CLASS"])],
    )


def _make_claim(storage_class: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": NAMESPACE},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }

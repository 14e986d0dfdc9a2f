"""Which Kubernetes runs, and under which names its images are known."""

import os
import re
from pathlib import Path

KUBE_MODULE = Path(__file__).parent / "kube"
"""The Go module of etcd, Kubernetes and kubectl. Its go.mod is where the version is pinned."""

USER_IMAGE = os.environ.get("JHUB_GATEWAY_TEST_IMAGE", "jhub-gateway/user:test")
"""The image of user pods, built from binder/Dockerfile. It is imported, never pulled."""

PAUSE_IMAGE = "jhub-gateway/pause:test"


def get_kubernetes_version() -> str:
    """The version to run, such as ``1.34.4``; the environment's KUBERNETES_VERSION goes first."""
    return os.environ.get("KUBERNETES_VERSION", "").removeprefix("v") or get_pinned_version()


def get_pinned_version() -> str:
    """The version that the committed go.mod requires."""
    go_mod = (KUBE_MODULE / "go.mod").read_text()
    match = re.search(r"k8s\.io/kubernetes v([\d.]+\S*)", go_mod)
    if match is None:
        raise ValueError(f"{KUBE_MODULE / 'go.mod'} requires no k8s.io/kubernetes")
    return match[1]

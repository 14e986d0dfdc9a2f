"""Which Kubernetes runs, and under which names its images are known."""

import hashlib
import os
import platform
import re
from pathlib import Path

KUBE_MODULE = Path(__file__).parent / "kube"
"""The Go module of etcd, Kubernetes and kubectl. Its go.mod is where the version is pinned."""

USER_IMAGE = os.environ.get("JHUB_GATEWAY_TEST_IMAGE", "jhub-gateway/user:test")
"""The image of user pods, built from binder/Dockerfile. It is imported, never pulled."""

PAUSE_IMAGE = "jhub-gateway/pause:test"

HUB_IMAGE = "jhub-gateway/hub:test"
"""The image of a hub in the cluster, built from images/hub/Dockerfile over plain Debian."""

PROXY_IMAGE = "jhub-gateway/proxy:test"
"""configurable-http-proxy, as the demo has it."""


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


def get_build_key() -> str:
    """What the programs depend on: versions, machine and the Go module's files."""
    digest = hashlib.sha256()
    for path in sorted(KUBE_MODULE.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(KUBE_MODULE).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    version = get_kubernetes_version()
    return f"{version}-{platform.machine()}-{digest.hexdigest()[:12]}"

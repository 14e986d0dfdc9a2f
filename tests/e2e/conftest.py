"""Hubs on a cluster and on one machine. Each test of `make_site` and `site` runs on both.

In what a test adds to the configuration, ``{spawner}`` is the spawner's name.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.storage import OWNER
from tests.cluster.versions import USER_IMAGE
from tests.e2e.sites import HUB_IP, Site, make_kubernetes_config, make_one_machine_config
from tests.fixtures.cluster import init_shared_directory
from tests.fixtures.tiers import cannot_run


@pytest.fixture
def make_cluster_site(identity_provider, make_hub, node_namespace) -> Callable[..., Site]:
    """Starts hubs of pods, on one share."""
    common = make_kubernetes_config(identity_provider, node_namespace, USER_IMAGE)

    def make(more: str = "") -> Site:
        own = more.replace("{spawner}", "GatewaySpawner")
        hub = make_hub(common + own, node_namespace.environment)
        return Site(hub, identity_provider, node_namespace.share, HUB_IP)

    return make


@pytest.fixture
def make_local_site(identity_provider, make_hub, tmp_path) -> Callable[..., Site]:
    """Starts hubs of processes, on one data directory."""
    common = make_one_machine_config(identity_provider, tmp_path / "data")

    def make(more: str = "") -> Site:
        hub = make_hub(common + more.replace("{spawner}", "LocalGatewaySpawner"))
        return Site(hub, identity_provider, tmp_path / "data", "127.0.0.1")

    return make


@pytest.fixture(params=["kubernetes", "one machine"])
def make_site(request) -> Callable[..., Site]:
    """Starts hubs of either kind."""
    kind = "make_cluster_site" if request.param == "kubernetes" else "make_local_site"
    return request.getfixturevalue(kind)


@pytest.fixture
def site(make_site) -> Site:
    """A hub that the gateway's users can sign in to."""
    return make_site()


@pytest.fixture
def small_share(node_namespace) -> Iterator[Path]:
    """The share on a disk of 4 MB."""
    if os.geteuid() != 0:
        cannot_run("only root can mount a small disk")
    share = node_namespace.share
    mount = ["mount", "-t", "tmpfs", "-o", f"size=4m,mode=2770,uid={OWNER},gid={OWNER}", "none"]
    subprocess.run([*mount, share], check=True)
    init_shared_directory(share)
    yield share
    node_namespace.kubectl("delete", "pods", "--all", "--grace-period=1", "--timeout=60s")
    subprocess.run(["umount", "--lazy", share], check=True)

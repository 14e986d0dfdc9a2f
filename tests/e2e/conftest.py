"""Each test of `site` runs on a cluster and on one machine."""

from collections.abc import Callable

import pytest

from tests.cluster.versions import USER_IMAGE
from tests.e2e.sites import Site, make_kubernetes_config, make_one_machine_config


@pytest.fixture(params=["kubernetes", "one machine"])
def make_site(request, identity_provider, make_hub, tmp_path) -> Callable[..., Site]:
    """Starts hubs on one share, each with settings of its own: ``{spawner}`` is the spawner."""
    if request.param == "one machine":
        share, environment = tmp_path / "data", None
        common, spawner = make_one_machine_config(identity_provider, share), "LocalGatewaySpawner"
    else:
        namespace = request.getfixturevalue("node_namespace")
        share, environment = namespace.share, namespace.environment
        common = make_kubernetes_config(identity_provider, namespace, USER_IMAGE)
        spawner = "GatewaySpawner"

    def make(more: str = "") -> Site:
        hub = make_hub(common + more.replace("{spawner}", spawner), environment)
        return Site(hub, identity_provider, share)

    return make


@pytest.fixture
def make_cluster_site(identity_provider, make_hub, node_namespace) -> Callable[..., Site]:
    """The same on a cluster alone, for what one machine can't do."""
    common = make_kubernetes_config(identity_provider, node_namespace, USER_IMAGE)

    def make(more: str = "") -> Site:
        hub = make_hub(common + more, node_namespace.environment)
        return Site(hub, identity_provider, node_namespace.share)

    return make


@pytest.fixture
def site(make_site) -> Site:
    """A hub that the gateway's users can sign in to."""
    return make_site()

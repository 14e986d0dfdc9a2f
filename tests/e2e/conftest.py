"""Each test here runs on a cluster and on one machine."""

import pytest

from tests.cluster.versions import USER_IMAGE
from tests.e2e.sites import Site, make_kubernetes_config, make_one_machine_config


@pytest.fixture(params=["kubernetes", "one machine"])
def site(request, identity_provider, make_hub, tmp_path) -> Site:
    """A hub that the gateway's users can sign in to."""
    if request.param == "one machine":
        return Site(
            make_hub(make_one_machine_config(identity_provider, tmp_path / "data")),
            identity_provider,
        )
    namespace = request.getfixturevalue("node_namespace")
    config = make_kubernetes_config(identity_provider, namespace, USER_IMAGE)
    return Site(make_hub(config, namespace.environment), identity_provider)

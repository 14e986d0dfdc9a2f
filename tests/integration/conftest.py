"""A client with the rights that a hub has."""

import pytest
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import new_client_from_config

from tests.fixtures.cluster import Namespace


@pytest.fixture
async def as_hub(namespace: Namespace):
    """The configuration of a client that is the chart's service account, for checks too."""
    namespace.kubectl("create", "serviceaccount", "hub")
    token = namespace.kubectl("create", "token", "hub").strip()
    async with await new_client_from_config(str(namespace.kubeconfig)) as admin:
        given = admin.configuration
    hub = Configuration(host=given.host)
    hub.ssl_ca_cert = given.ssl_ca_cert
    hub.api_key = {"BearerToken": f"Bearer {token}"}
    before = Configuration.get_default_copy()
    Configuration.set_default(hub)
    yield hub
    Configuration.set_default(before)

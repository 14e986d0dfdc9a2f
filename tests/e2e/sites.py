"""The two kinds of site: a cluster and one machine. One test body runs on both."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.network import GATEWAY
from tests.fixtures.cluster import CLAIM, Namespace
from tests.fixtures.hub import Hub
from tests.fixtures.identity_provider import IdentityProvider

# Where pods find the hub, which runs beside the tests.
HUB_IP = os.environ.get("JHUB_GATEWAY_TEST_HUB_IP", GATEWAY)
SMALL, LARGE = "512M", "1G"

_COMMON = """
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = "{provider.issuer}"
c.GatewayAuthenticator.client_id = "{provider.client_id}"
c.GatewayAuthenticator.client_secret = "{provider.client_secret}"
c.GatewayAuthenticator.scope = ["openid", "profile", "email", "groups"]
c.GatewayAuthenticator.allowed_groups = {{"/gateway/users"}}
c.GatewayAuthenticator.admin_groups = {{"/gateway/admins"}}
c.{spawner}.http_timeout = 90
c.{spawner}.memory_profiles = [
    {{"slug": "small", "display_name": "Small", "memory": "{small}"}},
    {{
        "slug": "large",
        "display_name": "Large",
        "memory": "{large}",
        "allowed_groups": ["/gateway/large-memory"],
    }},
]
"""

_KUBERNETES = """
c.JupyterHub.spawner_class = "gateway"
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_connect_ip = "{hub_ip}"
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "{image}"
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.GatewaySpawner.home_init_image = "{image}"
c.GatewaySpawner.shared_claim_name = "{claim}"
# The hub runs beside the tests, and sees the share where it is.
c.GatewaySpawner.usage_directory = "{share}/usage"
"""

_ONE_MACHINE = """
c.JupyterHub.spawner_class = "local-gateway"
c.LocalGatewaySpawner.data_directory = "{data}"
# CI runs as root. There the servers do too, and the hub wants that allowed by name.
c.LocalGatewaySpawner.args = {arguments}
"""

# The limit that holds for the process that runs this: by cgroup v2, by v1, or by resource limit.
READ_LIMIT = """
import resource
from pathlib import Path

def read_limit():
    groups = dict(line.split(":")[1:] for line in Path("/proc/self/cgroup").read_text().split())
    for file in (
        Path(f"/sys/fs/cgroup{groups.get('', '/')}/memory.max"),
        Path("/sys/fs/cgroup/memory.max"),
        Path(f"/sys/fs/cgroup/memory{groups.get('memory', '/')}/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ):
        limit = file.read_text().strip() if file.exists() else "max"
        # cgroup v1 writes "no limit" as the largest number of pages.
        if limit != "max" and int(limit) < 2**60:
            return int(limit)
    return resource.getrlimit(resource.RLIMIT_DATA)[0]

print(read_limit())
"""


@dataclass(frozen=True)
class Site:
    """A hub, the provider that its users sign in at, and where the share is on this machine.

    ``address`` is this machine's, as users' servers reach it.
    """

    hub: Hub
    provider: IdentityProvider
    share: Path
    address: str


def make_common(provider: IdentityProvider, spawner: str) -> str:
    """The part of a hub's configuration that both kinds share."""
    return _COMMON.format(provider=provider, spawner=spawner, small=SMALL, large=LARGE)


def make_kubernetes_config(provider: IdentityProvider, namespace: Namespace, image: str) -> str:
    """A hub whose servers are pods."""
    own = _KUBERNETES.format(
        namespace=namespace.name, claim=CLAIM, image=image, hub_ip=HUB_IP, share=namespace.share
    )
    return make_common(provider, "GatewaySpawner") + own


def make_one_machine_config(provider: IdentityProvider, data: object) -> str:
    """A hub whose servers are processes beside it."""
    arguments = ["--allow-root"] if os.geteuid() == 0 else []
    own = _ONE_MACHINE.format(data=data, arguments=arguments)
    return make_common(provider, "LocalGatewaySpawner") + own

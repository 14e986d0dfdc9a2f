"""What is compared: two ways to set up plain KubeSpawner, and GatewaySpawner with all it has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from benchmarks.storm.provider import GROUPS
from tests.cluster.fake_nodes import NODE_SELECTOR, TOLERATION
from tests.fixtures.cluster import CLAIM

SHARED, CLAIMS, GATEWAY = "kubespawner-shared", "kubespawner-claims", "gateway"
STORAGE_CLASS = "jhub-gateway-storm"
PROXY_TOKEN = token_hex(16)

# The security context is GatewaySpawner's, as the namespace takes no pod without it.
_COMMON = """
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.active_server_limit = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.load_roles.append(
    {{"name": "storm", "services": ["tests"], "scopes": ["admin:auth_state"]}}
)
c.ConfigurableHTTPProxy.auth_token = "{proxy_token}"
c.Spawner.consecutive_failure_limit = 0
c.Spawner.start_timeout = {start_timeout}
c.Spawner.http_timeout = 60
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "storm:none"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.KubeSpawner.cpu_limit = 1
c.KubeSpawner.mem_limit = "1G"
c.KubeSpawner.pod_connect_ip = "127.0.0.1"
c.KubeSpawner.port = {server_port}
c.KubeSpawner.node_selector = {node_selector}
c.KubeSpawner.tolerations = [{toleration}]
"""

_PLAIN = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.uid = c.KubeSpawner.gid = c.KubeSpawner.fs_gid = 1000
c.KubeSpawner.allow_privilege_escalation = False
c.KubeSpawner.container_security_context = {{
    "capabilities": {{"drop": ["ALL"]}},
    "runAsNonRoot": True,
    "seccompProfile": {{"type": "RuntimeDefault"}},
}}
"""

_SHARED = """
c.KubeSpawner.volumes = [{{"name": "home", "persistentVolumeClaim": {{"claimName": "{claim}"}}}}]
c.KubeSpawner.volume_mounts = [
    {{"name": "home", "mountPath": "/home/jovyan", "subPath": "homes/{{username}}"}}
]
"""

_CLAIMS = """
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_class = "{storage_class}"
c.KubeSpawner.storage_capacity = "1Gi"
c.KubeSpawner.storage_access_modes = ["ReadWriteOnce"]
c.KubeSpawner.pvc_name_template = "claim-{{username}}"
c.KubeSpawner.volumes = [
    {{"name": "home", "persistentVolumeClaim": {{"claimName": "claim-{{username}}"}}}}
]
c.KubeSpawner.volume_mounts = [{{"name": "home", "mountPath": "/home/jovyan"}}]
"""

_GATEWAY = """
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = "{issuer}"
c.GatewayAuthenticator.client_id = c.GatewayAuthenticator.client_secret = "storm"
c.GatewayAuthenticator.scope = ["openid", "profile", "email", "groups"]
c.GatewayAuthenticator.allowed_groups = {{"{everybody}"}}
c.JupyterHub.spawner_class = "gateway"
c.GatewaySpawner.home_init_image = "storm:none"
c.GatewaySpawner.shared_claim_name = "{claim}"
c.GatewaySpawner.memory_profiles = [
    {{"slug": "small", "display_name": "Small", "memory": "512M", "cpu": 1}},
    {{"slug": "medium", "display_name": "Medium", "memory": "1G", "cpu": 1,
      "allowed_groups": ["{some}"]}},
    {{"slug": "large", "display_name": "Large", "memory": "4G", "allowed_groups": ["/none"]}},
]
c.GatewaySpawner.group_folders = [{{"group": "{everybody}", "folder": "everybody"}}]
c.GatewaySpawner.datasets = [{{"name": "survey"}}]
"""


_CONSTANTS = {
    "claim": CLAIM,
    "storage_class": STORAGE_CLASS,
    "proxy_token": PROXY_TOKEN,
    "node_selector": NODE_SELECTOR,
    "toleration": TOLERATION,
    "everybody": GROUPS[0],
    "some": GROUPS[1],
}


@dataclass(frozen=True)
class Variant:
    """One kind of hub. ``options`` is what each start asks for, as JSON."""

    name: str
    title: str
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    has_claims: bool = False
    has_logins: bool = False

    def make_config(self, **places: object) -> str:
        """Return it for ``namespace``, ``server_port``, ``issuer``, ``start_timeout``."""
        return (_COMMON + self.config).format(**_CONSTANTS, **places)


VARIANTS = (
    Variant(SHARED, "KubeSpawner, one shared claim", _PLAIN + _SHARED),
    Variant(CLAIMS, "KubeSpawner, a claim per user", _PLAIN + _CLAIMS, has_claims=True),
    Variant(
        GATEWAY,
        "GatewaySpawner, all features",
        _GATEWAY,
        options={"profile": "medium"},
        has_logins=True,
    ),
)


def order_round(number: int, variants: tuple[Variant, ...] = VARIANTS) -> tuple[Variant, ...]:
    """The variants in the round's order: another first each time, so that no place favours one."""
    place = number % len(variants)
    return variants[place:] + variants[:place]

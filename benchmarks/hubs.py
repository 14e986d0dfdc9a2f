"""The hubs: plain KubeSpawner, GatewaySpawner, and GatewaySpawner with data for its users."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.versions import USER_IMAGE
from tests.e2e.sites import HUB_IP
from tests.fixtures.cluster import CLAIM, Namespace
from tests.fixtures.hub import CHECKED_LOGIN, Hub, start_hub

GROUP = "/gateway/users"

# The security context is GatewaySpawner's, as the namespace takes no pod without it.
_COMMON = """
c.Authenticator.allow_all = True
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_connect_ip = "{hub_ip}"
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "{image}"
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
c.KubeSpawner.mem_limit = "1G"
c.KubeSpawner.start_timeout = 90
c.KubeSpawner.http_timeout = 90
# The hubs share users and a namespace.
c.KubeSpawner.pod_name_template = "{hub}-{{username}}"
"""

_PLAIN = """
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.uid = c.KubeSpawner.gid = c.KubeSpawner.fs_gid = 1000
c.KubeSpawner.allow_privilege_escalation = False
c.KubeSpawner.container_security_context = {{
    "capabilities": {{"drop": ["ALL"]}},
    "runAsNonRoot": True,
    "seccompProfile": {{"type": "RuntimeDefault"}},
}}
c.KubeSpawner.volumes = [{{"name": "share", "persistentVolumeClaim": {{"claimName": "{claim}"}}}}]
c.KubeSpawner.volume_mounts = [
    {{"name": "share", "mountPath": "/home/jovyan", "subPath": "homes/{{username}}"}}
]
"""

_GATEWAY = (
    CHECKED_LOGIN
    + """
c.JupyterHub.spawner_class = "gateway"
c.GatewaySpawner.home_init_image = "{image}"
c.GatewaySpawner.shared_claim_name = "{claim}"
"""
)

_DATA = """
c.GatewaySpawner.group_folders = [{{"group": "{group}", "folder": "everybody"}}]
c.GatewaySpawner.datasets = [{{"name": "survey"}}]
c.GatewaySpawner.tutorials = [{{"name": "first-1"}}]
"""

_CONFIGS = {"plain": _PLAIN, "gateway": _GATEWAY, "data": _GATEWAY + _DATA}


@contextmanager
def run_hubs(namespace: Namespace, directory: Path) -> Iterator[dict[str, Hub]]:
    """Run the hubs, by their names in :mod:`benchmarks.variants`; end them and their servers."""
    with ExitStack() as stack:
        hubs = {}
        for name in _CONFIGS:
            own = directory / name
            own.mkdir()
            hubs[name] = start_hub(own, make_config(name, namespace), namespace.environment)
            stack.callback(hubs[name].stop)
        yield hubs


def make_config(hub: str, namespace: Namespace) -> str:
    """The configuration of one of the hubs."""
    return (_COMMON + _CONFIGS[hub]).format(
        hub=hub,
        namespace=namespace.name,
        image=USER_IMAGE,
        claim=CLAIM,
        hub_ip=HUB_IP,
        group=GROUP,
    )

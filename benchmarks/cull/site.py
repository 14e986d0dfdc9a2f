"""A real hub with many users and servers that are one process."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cull.accesses import AccessLog
from benchmarks.storm.processes import get_cpu_seconds
from benchmarks.storm.site import MEMORY
from tests.fixtures.fake_servers import add_to_hub, make_fake_config, run_fake_servers
from tests.fixtures.hub import Hub, start_hub

GATEWAY, IDLE_CULLER = "jhub-gateway", "idle-culler"
# What each one's documentation has its service be given.
SCOPES = {
    GATEWAY: ["read:servers", "delete:servers"],
    IDLE_CULLER: ["list:users", "read:users:activity", "read:servers", "delete:servers"],
}

_CONFIG = """
c.JupyterHub.services += {services!r}
c.JupyterHub.load_roles += {roles!r}
# Long enough that all servers are looked at before the hub answers.
c.JupyterHub.init_spawners_timeout = 300
# What the hub does by itself is not what is measured.
c.FakeSpawner.poll_interval = 0
"""


@dataclass(frozen=True)
class Site:
    """The running hub."""

    hub: Hub

    def make_environment(self, service: str) -> dict[str, str]:
        """What a service of the hub has in its environment."""
        return {
            "JUPYTERHUB_API_URL": f"{self.hub.url}/hub/api",
            "JUPYTERHUB_API_TOKEN": _make_token(service),
        }

    def open_log(self, service: str) -> AccessLog:
        """The service's requests from now on."""
        return AccessLog(self.hub.directory / "hub.log", service)

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds that the hub has used so far, without its proxy."""
        return get_cpu_seconds(self.hub.process.pid)


@contextmanager
def run_site(users: int, servers: int, log: Path) -> Iterator[Site]:
    """Run a hub with so many ``users``, of whom ``servers`` have one in use; end it, keep its log.

    Raises HubError if it does not start.
    """
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as name,
        run_fake_servers() as port,
    ):
        directory = Path(name)
        pods = directory / "servers"
        running = [f"used-{number}" for number in range(servers)]
        others = [f"other-{number}" for number in range(users - servers)]
        add_to_hub(directory / "hub.sqlite", pods, port, running, others)
        hub = start_hub(directory, make_fake_config(pods, port) + _make_services())
        try:
            yield Site(hub)
        finally:
            hub.stop()
            shutil.copy(directory / "hub.log", log)


def _make_services() -> str:
    services = [{"name": name, "api_token": _make_token(name)} for name in SCOPES]
    roles = [
        {"name": name, "services": [name], "scopes": scopes} for name, scopes in SCOPES.items()
    ]
    return _CONFIG.format(services=services, roles=roles)


def _make_token(service: str) -> str:
    return f"token-of-{service}"

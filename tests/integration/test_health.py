"""The health of a real hub, as probes and monitoring ask for it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub, find_free_port
from tests.integration.test_spawner import make_config, start

HEALTH_LOGIN = """
from jhub_gateway.health import HEALTH_HANDLERS

class HealthLogin(Login):
    def get_handlers(self, app):
        return [*super().get_handlers(app), *HEALTH_HANDLERS]

c.JupyterHub.authenticator_class = HealthLogin
c.JupyterHub.authenticate_prometheus = False
"""
# Nothing listens at the issuer's port: the hub starts all the same, and is healthy.
GATEWAY_LOGIN = """
c.JupyterHub.authenticator_class = "gateway"
c.GatewayAuthenticator.issuer = "http://127.0.0.1:9/realms/science"
c.GatewayAuthenticator.client_id = "jupyterhub"
c.GatewayAuthenticator.client_secret = "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol"
c.GatewayAuthenticator.allow_all = True
"""

# Passes on to argv[2]:argv[3] all that comes to the loopback's port argv[1].
FORWARDER = """
import asyncio, sys

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    there, back = await asyncio.open_connection(*sys.argv[2:])
    await asyncio.gather(copy(reader, back), copy(there, writer))

async def run():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(run())
"""


class Way:
    """The hub's way to the API server, which a test may cut. ``kubeconfig`` leads along it."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._there = urlsplit(cluster["server"])
        self._port = find_free_port()
        cluster["server"] = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.open()

    def open(self) -> None:
        """Let calls through, from within a moment."""
        there = (self._there.hostname, str(self._there.port or 443))
        arguments = [sys.executable, "-c", FORWARDER, str(self._port), *there]
        self._process = subprocess.Popen(arguments)

    def cut(self) -> None:
        """End all calls, and let no other through."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def way(namespace: Namespace, tmp_path: Path):
    opened = Way(namespace.kubeconfig, tmp_path)
    yield opened
    opened.cut()


@pytest.fixture
def hub(namespace: Namespace, make_hub) -> Hub:
    return make_hub(make_config(namespace, HEALTH_LOGIN), namespace.environment)


def ask(hub: Hub, method: str = "GET") -> requests.Response:
    return requests.request(method, f"{hub.url}/hub/health", timeout=10)


def test_the_age_of_the_watch_of_pods_is_told_to_anybody(hub, namespace):
    start(hub, hub.add_user("ada"), "ada").raise_for_status()
    namespace.wait_for_pod()
    answer = ask(hub)
    assert answer.status_code == 200
    assert set(answer.json()) == {"watches"}
    age = answer.json()["watches"]["pods"]
    assert set(age) == {"age_seconds"}
    assert 0 <= age["age_seconds"] < 45
    metrics = requests.get(f"{hub.url}/hub/metrics", timeout=10).text
    assert 'jhub_gateway_watch_age_seconds{kind="pods"}' in metrics


def test_with_the_gateways_login_a_probe_is_answered_too(namespace, make_hub):
    hub = make_hub(make_config(namespace, GATEWAY_LOGIN), namespace.environment)
    for path in ("/hub/health", "/hub/api/health"):
        answer = requests.get(f"{hub.url}{path}", timeout=10)
        assert answer.status_code == 200
        # Nobody has a server, so that nothing may be watched yet.
        assert answer.json()["watches"].keys() <= {"pods", "nodes", "cluster-pods"}
    head = ask(hub, "HEAD")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["Content-Type"].startswith("application/json")
    # Probes come every few seconds: they fill no log.
    assert "/hub/health" not in hub.log


def test_an_age_grows_while_the_api_server_is_away_and_probes_are_answered(
    namespace, way, make_hub
):
    environment = {"KUBECONFIG": str(way.kubeconfig)}
    hub = make_hub(make_config(namespace, HEALTH_LOGIN), environment)
    start(hub, hub.add_user("ada"), "ada").raise_for_status()
    namespace.wait_for_pod()
    way.cut()
    wait_for_age(hub, lambda age: age > 8, seconds=20)
    way.open()
    # A watch that had ended with the way would never be younger again.
    wait_for_age(hub, lambda age: age < 4, seconds=20)


def wait_for_age(hub: Hub, is_right: Callable[[float], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        answer = ask(hub)
        assert answer.status_code == 200
        age = answer.json()["watches"]["pods"]["age_seconds"]
        if is_right(age):
            return
        assert time.monotonic() < deadline, f"{age} s\n{hub.tail()}"
        time.sleep(0.5)

"""The health of a real hub, as probes and monitoring ask for it."""

import pytest
import requests

from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub
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
        assert (answer.status_code, answer.json()) == (200, {"watches": {}})
    head = ask(hub, "HEAD")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["Content-Type"].startswith("application/json")
    # Probes come every few seconds: they fill no log.
    assert "/hub/health" not in hub.log

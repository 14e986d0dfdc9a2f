"""What a real hub tells Prometheus, and that the dashboard and the alerts ask for nothing else."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from jhub_gateway.storage.layout import init_share
from jhub_gateway.storage.usage import measure_share
from tests.fixtures.cluster import Namespace, make_namespace
from tests.fixtures.hub import Hub, start_hub
from tests.fixtures.prometheus import list_alerts, list_queries
from tests.fixtures.thread_server import ThreadServer
from tests.integration import test_authenticator, test_spawner
from tests.integration.test_authenticator import sign_in
from tests.integration.test_reconciler import RECONCILED, Server, say_running, wait_until

READER, CULLER = "prometheus-token-1", "culler-token-0001"
CONFIG = """
c.GatewaySpawner.usage_directory = "{usage}"
c.GatewaySpawner.credentials = [{{"name": "wes", "system": "plain", "audience": "wes"}}]
c.GatewaySpawner.cull = {{"idle_after": 3600, "warn_before": 1}}
c.JupyterHub.spawner_class = "gateway"
c.JupyterHub.authenticate_prometheus = True
c.JupyterHub.services += [
    {{"name": "prometheus", "api_token": "{reader}"}},
    {{"name": "culler", "api_token": "{culler}"}},
]
c.JupyterHub.load_roles += [
    {{"name": "prometheus", "services": ["prometheus"], "scopes": ["read:metrics"]}},
    {{"name": "culler", "services": ["culler"], "scopes": ["read:servers", "delete:servers"]}},
]
"""
# What needs a fault, a budget or a view of the nodes. Of these the run has the names alone.
FAULTS = {
    "jhub_gateway_api_retries",
    "jhub_gateway_memory_used_ratio",
    "jhub_gateway_orphans_reaped",
    "jhub_gateway_profile_free_servers",
    "jhub_gateway_start_refusals",
}
# A scrape adds them, or the alert's own namespace does.
OF_TARGETS = {"namespace", "job", "instance", "pod"}
# Labels whose values the operator, the code or Kubernetes sets; none is a user's.
LABELS = {
    *("act", "cause", "credential", "kind", "le", "method", "profile", "reason", "result"),
    *("stage", "state", "status", "system"),
}


@dataclass
class Run:
    """A hub that has started, failed, lost and culled servers; ``page`` is what it then told."""

    hub: Hub
    page: str

    @property
    def families(self) -> dict[str, Metric]:
        return {one.name: one for one in text_string_to_metric_families(self.page)}

    @property
    def labels(self) -> dict[str, set[str]]:
        """The labels of each name that a query may use."""
        found: dict[str, set[str]] = {}
        for family in self.families.values():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
        return found


@pytest.fixture(scope="module")
def run(cluster, identity_provider, tmp_path_factory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("metrics")
    server = ThreadServer(Server, "127.0.0.1")
    share = directory / "share"
    share.mkdir()
    init_share(share)
    (share / "homes/someone").mkdir()
    measure_share(share, 0)
    with make_namespace(cluster) as namespace:
        config = make_config(namespace, identity_provider, server, share)
        hub = start_hub(directory, config, namespace.environment)
        try:
            use(hub, namespace, identity_provider)
            yield Run(hub, read_page(hub).text)
        finally:
            hub.stop()
            server.stop()


def make_config(namespace: Namespace, provider, server: ThreadServer, share: Path) -> str:
    return "".join(
        [
            test_spawner.make_config(namespace),
            RECONCILED.format(port=server.server_address[1], database=share.parent / "own.sqlite"),
            test_authenticator.make_config(provider),
            CONFIG.format(usage=share / "usage", reader=READER, culler=CULLER),
        ]
    )


def read_page(hub: Hub, token: str = READER) -> requests.Response:
    header = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{hub.url}/hub/metrics", headers=header, timeout=10)


def begin(hub: Hub, namespace: Namespace, user: str) -> dict:
    """Begin to start the user's server; return its pod."""
    before = {pod["metadata"]["uid"] for pod in namespace.pods()}
    hub.api("POST", f"/users/{user}/server", json={"profile": "small"}).raise_for_status()
    pods = lambda: [pod for pod in namespace.pods() if pod["metadata"]["uid"] not in before]  # noqa: E731
    wait_until(pods, "a pod")
    return pods()[0]


def use(hub: Hub, namespace: Namespace, provider) -> None:
    """Have everything happen once that a hub counts, but what needs a fault."""
    for user in ("ada", "grace", "hypatia"):
        _, page = sign_in(hub, provider.accounts[user])
        assert page.ok, page.text
    for user in ("ada", "grace"):
        say_running(namespace, begin(hub, namespace, user))
        hub.wait_for_server(user)
    say_image_missing(namespace, begin(hub, namespace, "hypatia"))
    wait_until(lambda: 'reason="image-not-found"' in read_page(hub).text, "a failed start")
    look_once(hub)
    cull(hub, "ada")
    # Somebody else deletes the pod of the server that is left.
    namespace.kubectl("delete", "pods", "--all", "--wait=false", "--grace-period=0", "--force")
    wait_until(lambda: "jhub_gateway_server_ends_total{" in read_page(hub).text, "an end")
    say_running(namespace, begin(hub, namespace, "ada"))
    hub.wait_for_server("ada")
    wait_until(lambda: "jhub_gateway_share_size_bytes " in read_page(hub).text, "the share")


def say_image_missing(namespace: Namespace, pod: dict) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no/such:1: not found"}
    container = {
        "name": "notebook",
        "ready": False,
        "restartCount": 0,
        "image": "no/such:1",
        "imageID": "",
        "state": {"waiting": waiting},
    }
    status = json.dumps({"status": {"phase": "Pending", "containerStatuses": [container]}})
    name = pod["metadata"]["name"]
    words = ["patch", "pod", name, "--subresource=status", "--type=merge", "--patch", status]
    namespace.kubectl(*words)


def look_once(hub: Hub) -> None:
    """Have the culling service look at all servers, once."""
    environment = {"JUPYTERHUB_API_URL": f"{hub.url}/hub/api", "JUPYTERHUB_API_TOKEN": CULLER}
    command = [sys.executable, "-m", "jhub_gateway", "cull", "--once"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def cull(hub: Hub, user: str) -> None:
    """Stop the user's server as a culler that finds it unused."""
    answer = hub.api("GET", "/gateway/servers", CULLER).json()
    (server,) = (one for one in answer["servers"] if one["user"] == user)
    named = {key: server[key] for key in ("user", "server", "run")}
    warning = {"warn": [{**named, "seconds": 1, "cause": "age"}]}
    hub.api("POST", "/gateway/notices", CULLER, json=warning).raise_for_status()
    body = {**named, "granted": 0, "cause": "age", "detail": "for the test"}
    stops = lambda: hub.api("POST", "/gateway/stops", CULLER, json=body).status_code == 202  # noqa: E731
    wait_until(stops, "a stop")
    deadline = time.monotonic() + 60
    while hub.api("GET", f"/users/{user}").json()["servers"]:
        assert time.monotonic() < deadline, hub.tail()
        time.sleep(0.2)


def list_faults(run: Run, uses) -> list[str]:
    """What is asked for and is not in the run; names that need a fault have only to be known."""
    wrong = []
    for metric, label in sorted(uses):
        family = re.sub("_(total|bucket|sum|count)$", "", metric)
        if family in FAULTS:
            if family not in run.families:
                wrong.append(metric)
        elif metric not in run.labels:
            wrong.append(metric)
        elif label and label not in run.labels[metric] | OF_TARGETS:
            wrong.append(f"{metric}{{{label}}}")
    return wrong


def test_the_dashboard_asks_for_nothing_that_a_run_has_not(run, prometheus_tools):
    queries = list_queries()
    assert len(queries) > 30
    uses = dict(zip(queries, prometheus_tools.find_uses(list(queries.values())), strict=True))
    wrong = {title: faults for title in uses if (faults := list_faults(run, uses[title]))}
    assert wrong == {}


def test_the_alerts_ask_for_nothing_that_a_run_has_not(run, prometheus_tools):
    alerts = list_alerts()
    found = prometheus_tools.find_uses([alert["expr"] for alert in alerts])
    named = [alert["alert"] for alert in alerts]
    wrong = {
        name: faults
        for name, uses in zip(named, found, strict=True)
        if (faults := list_faults(run, uses))
    }
    assert wrong == {}


def test_a_misspelt_metric_or_label_is_found(run, prometheus_tools):
    texts = [
        "sum by (reasons) (jhub_gateway_start_failures_total)",
        'jhub_gateway_start_failures_total{stag="image"}',
        "rate(jhub_gateway_start_second_bucket[5m])",
    ]
    assert [list_faults(run, uses) for uses in prometheus_tools.find_uses(texts)] == [
        ["jhub_gateway_start_failures_total{reasons}"],
        ["jhub_gateway_start_failures_total{stag}"],
        ["jhub_gateway_start_second_bucket"],
    ]


def test_names_follow_prometheus_conventions(run, prometheus_tools, tmp_path):
    own = [line for line in run.page.splitlines(True) if "jhub_gateway_" in line]
    prometheus_tools.promtool("check", "metrics", cwd=tmp_path, text="".join(own))


def test_no_label_can_have_a_users_name(run):
    own = {name: one for name, one in run.labels.items() if name.startswith("jhub_gateway_")}
    assert set().union(*own.values()) <= LABELS
    for line in run.page.splitlines():
        if line.startswith("jhub_gateway_"):
            assert not {"ada", "grace", "hypatia"} & set(line.split('"')), line


def test_each_stage_of_the_servers_that_started_is_there(run):
    seconds = {
        sample.labels["stage"]: sample.value
        for sample in run.families["jhub_gateway_start_stage_seconds"].samples
        if sample.name.endswith("_sum") and sample.labels["profile"] == "small"
    }
    assert seconds.keys() == {"queued", "scheduling", "server"}
    assert seconds["queued"] > 0


def test_metrics_need_a_token_that_may_read_them(run):
    assert read_page(run.hub, token="").status_code == 403
    assert read_page(run.hub, CULLER).status_code == 403
    assert read_page(run.hub).status_code == 200

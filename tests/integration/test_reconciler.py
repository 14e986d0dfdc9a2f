"""Hubs that were killed, doubled or robbed of pods, against a real kube-apiserver.

No kubelet runs these pods: the tests say that a pod runs, and serve it.
"""

import json
import re
import time
from collections.abc import Callable

import pytest
import requests

from jhub_gateway.policy.labels import DATABASE
from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub
from tests.fixtures.thread_server import QuietHandler, ThreadServer
from tests.integration.test_spawner import make_config, start

LEASE = "jhub-gateway-north"
# Long enough for a loaded machine, and for a Lease to end.
PATIENCE = 60
RECONCILED = """
c.GatewaySpawner.reconcile_interval = 1
c.GatewaySpawner.reap_after = 3
c.KubeSpawner.poll_interval = 3600
c.KubeSpawner.scheduler_name = "nobody"
c.KubeSpawner.port = {port}
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.cleanup_servers = False
c.JupyterHub.db_url = "sqlite:///{database}"
"""
# A hub whose machine is busy for some seconds loses no Lease of 12.
PATIENT = "c.GatewaySpawner.reconcile_interval = 4\n"


class Server(QuietHandler):
    """A user's server, as far as a hub looks at it."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    serving = ThreadServer(Server, "127.0.0.1")
    yield serving
    serving.stop()


@pytest.fixture
def make_north(namespace, make_hub, server, tmp_path) -> Callable[..., Hub]:
    """Starts a hub of the name "north" with the database of that name."""

    def make(database: str = "first", more: str = "") -> Hub:
        own = RECONCILED.format(
            port=server.server_address[1], database=tmp_path / f"{database}.sqlite"
        )
        return make_hub(make_config(namespace, own + more), namespace.environment)

    return make


def wait_until(is_so: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not {what} in {seconds} s"
        time.sleep(0.2)


def say_running(namespace: Namespace, pod: dict) -> None:
    """Do what a kubelet does for a pod that has come up, at this machine's own address."""
    container = {
        "name": "notebook",
        "ready": True,
        "restartCount": 0,
        "image": "jhub-gateway/user:test",
        "imageID": "",
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    status = {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [container]}
    namespace.kubectl(
        "patch",
        "pod",
        pod["metadata"]["name"],
        "--subresource=status",
        "--type=merge",
        "--patch",
        json.dumps({"status": status}),
    )


def start_running(hub: Hub, namespace: Namespace, user: str) -> dict:
    """Start the user's server until it is ready; return its pod."""
    before = get_uids(namespace)
    start(hub, hub.add_user(user), user).raise_for_status()
    wait_until(lambda: get_uids(namespace) - before, "a pod")
    (pod,) = (pod for pod in namespace.pods() if pod["metadata"]["uid"] not in before)
    say_running(namespace, pod)
    hub.wait_for_server(user)
    return pod


def get_uids(namespace: Namespace) -> set[str]:
    return {pod["metadata"]["uid"] for pod in namespace.pods()}


def get_holder(namespace: Namespace) -> str:
    found = namespace.kubectl("get", "lease", LEASE, "--ignore-not-found", "-o", "json")
    return json.loads(found)["spec"].get("holderIdentity", "") if found else ""


def get_metric(hub: Hub, name: str) -> float:
    page = requests.get(f"{hub.url}/hub/metrics", timeout=10, headers=make_header(hub)).text
    found = re.search(rf"^{re.escape(name)} (.+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def make_header(hub: Hub) -> dict[str, str]:
    return {"Authorization": f"Bearer {hub.token}"}


def has_server(hub: Hub, user: str) -> bool:
    return "" in hub.api("GET", f"/users/{user}").json()["servers"]


def is_reachable(hub: Hub, user: str) -> bool:
    answer = requests.get(f"{hub.url}/user/{user}/x", timeout=10, allow_redirects=False)
    return answer.ok and answer.text == json.dumps({"path": f"/user/{user}/x"})


def count_rounds(hub: Hub) -> float:
    return get_metric(hub, "jhub_gateway_reconcile_seconds_count")


def wait_for_rounds(hub: Hub, count: int) -> None:
    end = count_rounds(hub) + count
    wait_until(lambda: count_rounds(hub) >= end, f"{count} more rounds")


def copy_pod(namespace: Namespace, pod: dict, name: str, **labels: str) -> str:
    """Make a pod like this one under another name and as another start; return its UID."""
    metadata = pod["metadata"]
    annotations = metadata["annotations"] | {"jhub-gateway/start-id": "0123456789abcdef"}
    own = {
        "name": name,
        "labels": metadata["labels"] | {k.replace("_", "/"): v for k, v in labels.items()},
        "annotations": annotations,
    }
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    copied = {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": spec}
    made = namespace.kubectl("create", "-f", "-", "-o", "json", manifest=copied)
    return json.loads(made)["metadata"]["uid"]


def test_an_orphan_is_reaped_after_its_grace_and_nobody_elses(make_north, namespace):
    hub = make_north()
    pod = start_running(hub, namespace, "ada")
    database = pod["metadata"]["labels"][DATABASE]
    assert re.fullmatch("[0-9a-f]{16}", database)
    mine = pod["metadata"]["uid"]
    made_at = time.monotonic()
    orphan = copy_pod(namespace, pod, "orphan")
    others = {
        copy_pod(namespace, pod, "south", **{"jhub-gateway_hub": "south"}),
        copy_pod(namespace, pod, "empty", **{"jhub-gateway_database": ""}),
        copy_pod(namespace, pod, "copy", **{"jhub-gateway_database": "0" * 16}),
    }
    wait_until(lambda: orphan not in get_uids(namespace), "reaped")
    assert time.monotonic() - made_at >= 3
    wait_for_rounds(hub, 6)
    assert get_uids(namespace) == {mine} | others
    assert get_metric(hub, 'jhub_gateway_orphans_reaped_total{kind="pod"}') == 1
    assert get_metric(hub, "jhub_gateway_strange_pods") == 2
    assert "2 pods bear this hub's name, 'north'" in hub.log
    assert is_reachable(hub, "ada")


def test_a_pod_that_was_deleted_by_hand_frees_its_user(make_north, namespace):
    hub = make_north()
    pod = start_running(hub, namespace, "ada")
    assert is_reachable(hub, "ada")
    namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    wait_until(lambda: not has_server(hub, "ada"), "free")
    assert re.search(r"ada.* has ended \(deleted\)", hub.log)
    assert not is_reachable(hub, "ada")
    start(hub, hub.token, "ada").raise_for_status()
    say_running(namespace, namespace.wait_for_pod())
    hub.wait_for_server("ada")


def test_a_server_outlives_its_hub(make_north, namespace):
    hub = make_north()
    pod = start_running(hub, namespace, "ada")
    hub.kill()
    hub.restart()
    hub.wait_for_server("ada")
    wait_until(lambda: is_reachable(hub, "ada"), "reachable")
    # The Lease of the hub that was killed has to end first.
    wait_until(lambda: get_metric(hub, "jhub_gateway_reconciler_is_leader"), "elected")
    wait_for_rounds(hub, 6)
    assert get_uids(namespace) == {pod["metadata"]["uid"]}
    assert is_reachable(hub, "ada")


def test_a_start_goes_on_after_its_hub_was_killed(make_north, namespace):
    hub = make_north()
    start(hub, hub.add_user("ada"), "ada").raise_for_status()
    pod = namespace.wait_for_pod()
    hub.kill()
    hub.restart()
    say_running(namespace, pod)
    hub.wait_for_server("ada")
    wait_until(lambda: is_reachable(hub, "ada"), "reachable")
    assert get_uids(namespace) == {pod["metadata"]["uid"]}


def test_of_two_hubs_with_one_name_one_is_elected_and_robs_nobody(make_north, namespace):
    first = make_north(more=PATIENT)
    wait_until(lambda: get_holder(namespace), "elected")
    pod = start_running(first, namespace, "ada")
    second = make_north("second", PATIENT)
    holder = get_holder(namespace)
    assert pod["metadata"]["labels"][DATABASE] in holder
    own = start_running(second, namespace, "grace")
    assert own["metadata"]["labels"][DATABASE] != pod["metadata"]["labels"][DATABASE]
    orphan = copy_pod(namespace, own, "orphan")
    wait_for_rounds(second, 3)
    assert get_holder(namespace) == holder
    assert get_metric(second, "jhub_gateway_reconciler_is_leader") == 0
    assert "Another hub has this one's name, 'north', and another database" in second.log
    assert orphan in get_uids(namespace)
    first.kill()
    wait_until(lambda: get_metric(second, "jhub_gateway_reconciler_is_leader"), "elected")
    assert own["metadata"]["labels"][DATABASE] in get_holder(namespace)
    wait_until(lambda: orphan not in get_uids(namespace), "reaped")
    assert get_uids(namespace) == {one["metadata"]["uid"] for one in (pod, own)}
    first.restart()
    wait_until(lambda: is_reachable(first, "ada"), "reachable")
    assert is_reachable(second, "grace")


def test_the_lease_is_given_back_at_a_clean_end(make_north, namespace):
    hub = make_north()
    wait_until(lambda: get_holder(namespace), "elected")
    hub.stop()
    assert get_holder(namespace) == ""


def test_a_standby_takes_up_the_servers_of_a_database(make_north, namespace):
    first = make_north(more=PATIENT)
    wait_until(lambda: get_holder(namespace), "elected")
    standby = make_north(more=PATIENT)
    pod = start_running(first, namespace, "ada")
    wait_for_rounds(standby, 3)
    assert not is_reachable(standby, "ada")
    assert "Another hub with this database reconciles" in standby.log
    first.kill()
    wait_until(lambda: is_reachable(standby, "ada"), "taken up")
    assert get_uids(namespace) == {pod["metadata"]["uid"]}
    standby.stop_server("ada")
    wait_until(lambda: get_uids(namespace) == set(), "stopped")

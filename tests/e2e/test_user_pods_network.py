"""Who reaches whom, by the policy for user pods, on a cluster that enforces such policies."""

import json
import time

import yaml

from tests.cluster.versions import USER_IMAGE
from tests.fixtures.cluster import BESIDE_CHART, Namespace

POLICY = yaml.safe_load((BESIDE_CHART / "user-pods-network.yaml").read_text())
PORTS = (8081, 8888)  # the hub's and a server's
USER = {"component": "singleuser-server"}
PODS = {
    "hub": {
        "app": "jupyterhub",
        "component": "hub",
        "hub.jupyter.org/network-access-singleuser": "true",
    },
    "ada": USER,
    "grace": USER,
    "stranger": {},
}
SERVE = "for port in 8081 8888; do python3 -m http.server $port & done; wait"
# Prints those of the addresses and ports in its arguments that take a connection.
REACH = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def is_open(place):
    try:
        socket.create_connection(place, 2).close()
    except OSError:
        return False
    return True
places = [tuple(place) for place in json.loads(sys.argv[1])]
with ThreadPoolExecutor() as pool:
    answers = pool.map(is_open, places)
print(json.dumps([place for place, answer in zip(places, answers) if answer]))
"""
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def start_pods(space: Namespace) -> dict[str, str]:
    """Start them all, and return their addresses once they listen."""
    for name, labels in PODS.items():
        container = {
            "name": "main",
            "image": USER_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", SERVE],
            "securityContext": RESTRICTED,
            "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1},
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        }
        space.kubectl("create", "-f", "-", manifest=pod)
    space.kubectl("wait", "pods", "--all", "--for=condition=Ready", "--timeout=60s")
    return {name: space.get("pod", name)["status"]["podIP"] for name in PODS}


def find_reached(space: Namespace, source: str, addresses: dict[str, str]) -> set[tuple[str, int]]:
    """The pods and ports that `source` reaches of the others."""
    names = {address: name for name, address in addresses.items() if name != source}
    places = json.dumps([(address, port) for address in names for port in PORTS])
    answer = space.kubectl("exec", source, "--", "python3", "-c", REACH, places)
    return {(names[address], port) for address, port in json.loads(answer)}


def test_users_reach_the_hub_and_not_each_other(node_namespace):
    addresses = start_pods(node_namespace)
    everything = {(name, port) for name in addresses for port in PORTS if name != "ada"}
    assert find_reached(node_namespace, "ada", addresses) == everything
    node_namespace.kubectl("apply", "-f", "-", manifest=POLICY)
    deadline = time.monotonic() + 15
    while (reached := find_reached(node_namespace, "ada", addresses)) != {("hub", 8081)}:
        assert time.monotonic() < deadline, f"ada reaches {reached}"
    servers = {("ada", 8888), ("grace", 8888)}
    others = {("stranger", port) for port in PORTS}
    assert find_reached(node_namespace, "hub", addresses) == servers | others
    assert find_reached(node_namespace, "stranger", addresses) == {("hub", port) for port in PORTS}

"""What ``jhub-gateway plan`` promises, confirmed by the real scheduler; kwok runs the nodes."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from kubernetes_asyncio.client import ApiClient, CoreV1Api
from kubernetes_asyncio.config import new_client_from_config

from jhub_gateway.planning.cluster_nodes import read_cluster
from jhub_gateway.planning.ladder import STEP, make_ladder
from jhub_gateway.planning.node_kinds import NodeKind, list_rooms
from jhub_gateway.planning.plan import make_plan
from jhub_gateway.planning.room import Room, make_request
from tests.cluster.fake_nodes import TOLERATION, make_fake_node, run_nodes
from tests.fixtures.cluster import Namespace

SEED = 20261130
CLUSTERS = 50
GIB = 1024**3
LABEL = "jhub-gateway.test/plan"
SHAPES = [Room(14 * GIB, 3920, 99), Room(30 * GIB + 7 * STEP, 7500, 99), Room(62 * GIB, 15500, 99)]
SECONDS = 60
AT_ONCE = 20  # requests to the API server


@dataclass(frozen=True)
class Load:
    """Nodes of its own, and pods in the order in which they come."""

    name: str
    nodes: tuple[Room, ...]
    pods: tuple[Room, ...]

    def make_nodes(self) -> Iterator[dict]:
        for number, room in enumerate(self.nodes):
            amounts = {"memory": str(room.memory), "cpu": f"{room.cpu}m", "pods": str(room.pods)}
            yield make_fake_node(f"{self.name}-{number}", amounts, {LABEL: self.name})

    def make_pods(self) -> Iterator[dict]:
        for number, pod in enumerate(self.pods):
            yield make_pod(f"{self.name}-{number}", pod, {"nodeSelector": {LABEL: self.name}})


def make_pod(name: str, room: Room, place: dict) -> dict:
    """A pod that the restricted Pod Security standard lets in; nothing of it runs."""
    container = {
        "name": "server",
        "image": "server",
        "resources": {"requests": {"memory": str(room.memory), "cpu": f"{room.cpu}m"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [TOLERATION],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    labels = {LABEL: name.rpartition("-")[0]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec | place}


def make_random_load(name: str, random: Random) -> Load:
    """Return a peak on random nodes, with as many more of one size as the plan is sure of."""
    kinds = [
        NodeKind("a", random.randint(1, 2), make_random_room(random), Room(GIB, 500, 10))
        for _ in range(random.randint(1, 2))
    ]
    rooms = list_rooms(kinds)
    profiles = make_ladder(rooms, random.randint(2, 4) * GIB)
    users = {one.slug: random.randint(0, 6 - 2 * place) for place, one in enumerate(profiles[:3])}
    plan = make_plan(kinds, (), profiles, users, Fraction(1))
    counts = {one.request: one.at_once for one in plan.profiles}
    if plan.peak.sure is None or plan.peak.sure > len(rooms):
        counts = dict.fromkeys(counts, 0)
        plan = make_plan(kinds, (), profiles, {}, Fraction(1))
    chosen = random.choice(plan.profiles)
    counts[chosen.request] += chosen.more
    pods = [pod for pod, count in counts.items() for _ in range(count)]
    random.shuffle(pods)
    return Load(name, tuple(rooms), tuple(pods))


def make_random_room(random: Random) -> Room:
    return Room(random.randrange(8 * GIB, 64 * GIB), random.randrange(2000, 16000), 110)


def make_full_loads(name: str, room: Room) -> Iterator[Load]:
    """Yield a node for each size of its ladder, with one server more than it has room for."""
    for place, profile in enumerate(make_ladder([room], 2 * GIB)):
        request = make_request(profile)
        yield Load(f"{name}{place}", (room,), (request,) * (room.count(request) + 1))


async def create_pods(kubeconfig: Path, namespace: str, loads: list[Load]) -> None:
    """Create the pods of each load in their order, and those of several loads at once."""
    async with await new_client_from_config(str(kubeconfig)) as client:
        few = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(create_load(client, few, namespace, load) for load in loads))


async def create_load(
    client: ApiClient, few: asyncio.Semaphore, namespace: str, load: Load
) -> None:
    for pod in load.make_pods():
        async with few:
            await CoreV1Api(client).create_namespaced_pod(namespace, pod)


def wait_for_scheduler(namespace: Namespace, count: int) -> dict[str, list[bool]]:
    """Return whether each load's pods have a node, once the scheduler has judged all of them."""
    deadline = time.monotonic() + SECONDS
    while True:
        pods = namespace.get("pods")["items"]
        judged = [pod for pod in pods if pod["status"].get("conditions")]
        if len(judged) >= count:
            break
        assert time.monotonic() < deadline, f"{len(judged)} of {count} pods are judged"
        time.sleep(0.5)
    found: dict[str, list[bool]] = {}
    for pod in judged:
        name = pod["metadata"]["labels"][LABEL]
        found.setdefault(name, []).append("nodeName" in pod["spec"])
    return found


def test_what_the_plan_says_fits_is_placed_by_the_scheduler(namespace: Namespace):
    random = Random(SEED)  # noqa: S311
    names = [f"{namespace.name}-{number}" for number in range(CLUSTERS)]
    sure = [make_random_load(name, random) for name in names]
    full = [
        load
        for number, room in enumerate(SHAPES)
        for load in make_full_loads(f"{namespace.name}-full{number}", room)
    ]
    loads = sure + full
    count = sum(len(load.pods) for load in loads)
    nodes = [node for load in loads for node in load.make_nodes()]
    with run_nodes(nodes, namespace.kubeconfig):
        asyncio.run(create_pods(namespace.kubeconfig, namespace.name, loads))
        placed = wait_for_scheduler(namespace, count)
        namespace.kubectl("delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false")
    assert all(load.pods for load in sure)
    assert {load.name for load in sure if not all(placed[load.name])} == set()
    # A full node takes all but the one that is too many.
    assert {load.name: placed[load.name].count(False) for load in full} == {
        load.name: 1 for load in full
    }


@pytest.fixture
def cordoned_node(namespace: Namespace) -> Iterator[str]:
    """A node that is open but for the moment, so that no other test's pods come; nobody runs it."""
    name = f"{namespace.name}-cordoned"
    node = make_fake_node(name, {"memory": "64Gi", "cpu": "16", "pods": "110"})
    node["spec"] = {"unschedulable": True}
    namespace.kubectl("create", "-f", "-", manifest=node)
    yield name
    namespace.kubectl("delete", "node", name, "--wait=false")


def test_a_clusters_nodes_are_planned_less_what_is_not_users(namespace, cordoned_node):
    server = make_pod("server-1", Room(8 * GIB, 1000), {"nodeName": cordoned_node})
    server["metadata"]["labels"] |= {"component": "singleuser-server"}
    system = make_pod("system-1", Room(2 * GIB, 500), {"nodeName": cordoned_node})
    for pod in (server, system):
        namespace.kubectl("create", "-f", "-", manifest={"apiVersion": "v1", "kind": "Pod"} | pod)
    kinds, _ = read_cluster(namespace.kubeconfig, None)
    (kind,) = (kind for kind in kinds if kind.name == cordoned_node)
    assert (kind.count, kind.free) == (1, Room(62 * GIB, 15500, 109))

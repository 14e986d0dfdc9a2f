"""What the profile page says of room beside 1,000 pods, which a real scheduler puts on nodes."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_asyncio.client import CoreV1Api
from kubernetes_asyncio.config import new_client_from_config

from jhub_gateway.planning.room import Room
from tests.cluster.fake_nodes import TOLERATION, make_fake_node, run_nodes
from tests.fixtures.cluster import BESIDE_CHART, CLAIM, Namespace
from tests.fixtures.hub import CHECKED_LOGIN, Hub, HubError
from tests.fixtures.hub_account import make_hub_account
from tests.fixtures.tiers import cannot_run
from tests.integration.test_cull_api import Visitor
from tests.integration.test_planned_nodes import make_pod

GIB = 1024**3
LABEL = "jhub-gateway.test/room"
NODES, PODS = 10, 1000
AT_ONCE = 20  # requests to the API server
SECONDS = 180
VIEWS = 100
CONFIG = (
    CHECKED_LOGIN
    + """
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "gateway"
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "jhub-gateway/user:test"
c.GatewaySpawner.shared_claim_name = "{claim}"
c.GatewaySpawner.home_init_image = "hub:1"
c.GatewaySpawner.hub_name = "{namespace}"
# What it asks of the API server must not be taken for the pages'.
c.GatewaySpawner.reconcile_interval = 3600
c.GatewaySpawner.memory_profiles = [
    {{
        "slug": slug,
        "display_name": slug.title(),
        "memory": memory,
        "node_selector": {{"{label}": pool}},
        "tolerations": [{toleration}],
    }}
    for slug, memory, pool in (
        ("small", "1G", "{namespace}"), ("huge", "900G", "{namespace}"), ("none", "1G", "none")
    )
]
"""
)


class Reader(Visitor):
    """Somebody who looks at the profile page."""

    def read_page(self) -> dict[str, str]:
        """What the page says of each size."""
        page = self._session.get(f"{self._hub.url}/hub/spawn/ada", timeout=30)
        page.raise_for_status()
        return dict(re.findall(r'data-profile="(\w+)" data-state="[a-z-]+">(.+?)<', page.text))

    def read_news(self) -> dict[str, dict[str, str]]:
        """What the page asks while it is open."""
        return self._session.get(f"{self._hub.url}/hub/gateway/capacity/ada", timeout=30).json()


def read_free(hub: Hub) -> float:
    """How many more of the small profile fit, as Prometheus reads it."""
    metrics = hub.api("GET", "/../metrics").text
    found = re.search(r'jhub_gateway_profile_free_servers\{profile="small"\} (\S+)', metrics)
    return float(found[1]) if found else -1


def wait_for(read: Callable[[], Any], wanted: Any, seconds: float = SECONDS) -> float:
    """Return, once ``read()`` is so, when it was asked last and was not so."""
    last = began = time.monotonic()
    while (found := read()) != wanted:
        assert time.monotonic() - began < seconds, f"{found} and not {wanted} in {seconds} s"
        time.sleep(0.1)
        last = time.monotonic()
    return last


@pytest.fixture
def cluster_rights(namespace: Namespace) -> Iterator[Callable[[], None]]:
    """Gives the hub's account the component's rights, under names of this test's own."""
    folder = BESIDE_CHART / "components/live-capacity"
    role, binding = yaml.safe_load_all((folder / "cluster-rbac.yaml").read_text())
    for manifest in (role, binding):
        manifest["metadata"]["name"] += f"-{namespace.name}"
    binding["roleRef"]["name"] = role["metadata"]["name"]
    binding["subjects"][0]["namespace"] = namespace.name
    items = {"apiVersion": "v1", "kind": "List", "items": [role, binding]}
    yield lambda: namespace.kubectl("create", "-f", "-", manifest=items)
    for manifest in (role, binding):
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        namespace.kubectl("delete", kind, name, "--ignore-not-found")


@pytest.fixture
def start_hub(namespace: Namespace, make_hub, tmp_path) -> Callable[..., Hub]:
    """Starts a hub with an account of its own."""

    def start(more: str = "") -> Hub:
        kubeconfig = tmp_path / "hub-kubeconfig"
        make_hub_account(namespace, "hub", namespace.name, kubeconfig)
        config = CONFIG.format(
            namespace=namespace.name, claim=CLAIM, label=LABEL, toleration=TOLERATION
        )
        return make_hub(config + more, {"KUBECONFIG": str(kubeconfig)})

    return start


async def create_pods(namespace: Namespace, names: list[str]) -> None:
    place = {"nodeSelector": {LABEL: namespace.name}, "tolerations": [TOLERATION]}
    async with await new_client_from_config(str(namespace.kubeconfig)) as client:
        few = asyncio.Semaphore(AT_ONCE)

        async def create(name: str) -> None:
            async with few:
                pod = make_pod(name, Room(GIB, 10), place)
                await CoreV1Api(client).create_namespaced_pod(namespace.name, pod)

        await asyncio.gather(*map(create, names))


def count_pods(namespace: Namespace) -> tuple[int, int]:
    """How many pods of the namespace have a node, and how many have none."""
    placed = [bool(pod["spec"].get("nodeName")) for pod in namespace.get("pods")["items"]]
    return placed.count(True), placed.count(False)


def read_calls(namespace: Namespace) -> list[tuple[str, str]]:
    """Verb and resource of all that the hub's account has asked, by the API server's audit log."""
    folder = namespace.kubeconfig.parent / "logs"
    paths = sorted(folder.glob("audit*.log"))
    if not paths:
        cannot_run(f"there is no audit log of the API server in {folder}")
    account = f'"username":"system:serviceaccount:{namespace.name}:hub"'
    lines = (line for path in paths for line in path.open() if account in line)
    events = [json.loads(line) for line in lines]
    return [(event["verb"], event.get("objectRef", {}).get("resource", "")) for event in events]


def read_cpu(hub: Hub) -> float:
    """The seconds of processor time that the hub has used."""
    fields = Path(f"/proc/{hub.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def look_often(hub: Hub, look: Callable[[], object]) -> float:
    """Look some hundred times; return the hub's milliseconds of processor time for each."""
    before = read_cpu(hub)
    for _ in range(VIEWS):
        look()
    return (read_cpu(hub) - before) / VIEWS * 1000


def test_the_page_is_right_beside_a_thousand_pods_and_asks_nothing_for_a_view(
    namespace, start_hub, cluster_rights, record_property
):
    cluster_rights()
    hub = start_hub()
    reader = Reader(hub, "ada")
    room = {"cpu": "1000", "memory": "128Gi", "pods": "110"}
    names = [f"{namespace.name}-{number}" for number in range(NODES)]
    nodes = [make_fake_node(name, room, {LABEL: namespace.name}) for name in names]
    figures: dict[str, float] = {}
    with run_nodes(nodes, namespace.kubeconfig):
        wait_for(lambda: read_free(hub), NODES * 110)
        assert reader.read_page() == {
            "small": "Free now",
            "huge": "Not available now: choose another size",
            "none": "Not available now: choose another size",
        }
        asyncio.run(create_pods(namespace, [f"filler-{number}" for number in range(PODS)]))
        placed = wait_for(lambda: count_pods(namespace), (PODS, 0))
        wait_for(lambda: read_free(hub), NODES * 110 - PODS)
        figures["s at most until 1,000 pods were seen"] = time.monotonic() - placed

        wait_for_quiet_hub(hub)
        calls = read_calls(namespace)
        figures["ms a page"] = look_often(hub, reader.read_page)
        figures["ms a refresh"] = look_often(hub, reader.read_news)
        asked = read_calls(namespace)[len(calls) :]
        # A watch that ends after half a minute is begun again, whoever looks.
        assert [one for one in asked if one[0] != "watch"] == []
        assert len(asked) < 20

        more = [f"more-{number}" for number in range(103)]
        asyncio.run(create_pods(namespace, more))
        placed = wait_for(lambda: count_pods(namespace), (NODES * 110, 3))
        full = "No room now: 3 ahead of you"
        wait_for(lambda: reader.read_page()["small"], full)
        figures["s at most until the page said full"] = time.monotonic() - placed
        assert reader.read_news()["small"] == {"state": "full", "words": full}

        leaving = [f"pod/filler-{number}" for number in range(500)]
        now = ("--grace-period=0", "--force", "--wait=false")
        namespace.kubectl("delete", *leaving, *now)
        gone = wait_for(lambda: count_pods(namespace), (NODES * 110 + 3 - 500, 0))
        wait_for(lambda: read_free(hub), 500 - 3)
        figures["s at most until 500 were seen to have left"] = time.monotonic() - gone
        assert reader.read_page()["small"] == "Free now"
        namespace.kubectl("delete", "pods", "--all", *now)
    for what, figure in figures.items():
        record_property(what, round(figure, 2))
        print(f"{figure:.2f} {what}")


def wait_for_quiet_hub(hub: Hub) -> None:
    """Return once it has nothing to do that was begun before."""
    while True:
        before = read_cpu(hub)
        time.sleep(1)
        if read_cpu(hub) - before < 0.1:
            return


def test_without_the_right_the_page_shows_no_room_and_the_log_says_once_why(start_hub):
    hub = start_hub()
    reader = Reader(hub, "ada")
    why = "The profile page shows no room and no waits: the hub may not list, watch nodes"
    wait_for(lambda: hub.log.count(why), 1, 60)
    assert reader.read_page() == {}
    assert reader.read_news() == {}
    assert read_free(hub) != read_free(hub)  # NaN
    assert hub.log.count(why) == 1


def test_an_autoscaler_for_a_profile_that_is_not_there_stops_the_hub(start_hub):
    entry = {"labels": {}, "profiles": ["smal"]}
    with pytest.raises(HubError, match="there is no profile 'smal'"):
        start_hub(f"c.GatewaySpawner.autoscaled_nodes = [{entry}]\n")

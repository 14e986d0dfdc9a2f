"""A line of starts at a full cluster, with a real scheduler and a real hub."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cluster.fake_nodes import make_fake_node, run_nodes
from tests.fixtures.cluster import Namespace
from tests.fixtures.hub import Hub
from tests.integration.test_live_capacity import (
    LABEL,
    Reader,
    cluster_rights,
    read_free,
    start_hub,
    wait_for,
)

__all__ = ["cluster_rights", "start_hub"]

USERS = ("bob", "cy", "dan", "eve", "fay")
MORE = """
c.GatewaySpawner.wait_in_line = 900
# Pods of fake nodes run nothing: each server is said to be at this machine.
c.KubeSpawner.pod_connect_ip = "127.0.0.1"
c.KubeSpawner.port = {port}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


class Answer(BaseHTTPRequestHandler):
    """What a server answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where something answers, whatever server it is asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def begin(hub: Hub, user: str) -> None:
    hub.add_user(user)
    answer = hub.api("POST", f"/users/{user}/server", json={"profile": "small"})
    # 201 where it is ready already.
    assert answer.status_code in (201, 202), answer.text


def read_progress(hub: Hub, user: str) -> str:
    """What the page of a pending start says now."""
    with hub.api("GET", f"/users/{user}/server/progress", stream=True) as answer:
        events = (line[6:] for line in answer.iter_lines() if line.startswith(b"data: "))
        messages = (json.loads(event).get("message", "") for event in events)
        # The first is JupyterHub's own.
        return next((message for message in messages if message != "Server requested"), "")


def read_place(hub: Hub, user: str) -> str:
    """``"2 of 3"``, or what is told instead."""
    said = read_progress(hub, user)
    found = re.match(r"No room now: you are number (\d+ of \d+) in line\.", said)
    return found[1] if found else said


def read_line(hub: Hub) -> float:
    found = re.search(
        r'jhub_gateway_servers_in_line\{profile="small"\} (\S+)',
        hub.api("GET", "/../metrics").text,
    )
    return float(found[1]) if found else -1


def list_pods(namespace: Namespace) -> set[str]:
    """The users who have a pod that is not on its way out."""
    pods = namespace.get("pods")["items"]
    return {
        pod["metadata"]["name"].removeprefix("jupyter-")
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }


def test_five_ask_for_two_places(
    namespace: Namespace, start_hub: Callable[..., Hub], cluster_rights, port: int
) -> None:
    cluster_rights()
    hub = start_hub(MORE.format(port=port))
    reader = Reader(hub, "ada")
    room = {"cpu": "100", "memory": "2Gi", "pods": "110"}
    node = make_fake_node(f"{namespace.name}-0", room, {LABEL: namespace.name})
    with run_nodes([node], namespace.kubeconfig):
        wait_for(lambda: read_free(hub), 2)
        for user in USERS:
            begin(hub, user)
        for user in USERS[:2]:
            hub.wait_for_server(user)
        wait_for(
            lambda: [read_place(hub, user) for user in USERS[2:]], ["1 of 3", "2 of 3", "3 of 3"]
        )
        assert list_pods(namespace) == {"bob", "cy"}
        assert read_line(hub) == 3
        wait_for(lambda: reader.read_page()["small"], "No room now: 3 ahead of you")

        hub.stop_server("bob")
        hub.wait_for_server("dan")
        wait_for(lambda: [read_place(hub, user) for user in USERS[3:]], ["1 of 2", "2 of 2"])
        assert list_pods(namespace) == {"cy", "dan"}

        # Who gives up has no pod, and the next one moves up.
        hub.stop_server("eve")
        wait_for(lambda: read_place(hub, "fay"), "1 of 1")
        assert "eve has left the line" in hub.log
        wait_for(lambda: reader.read_page()["small"], "No room now: 1 ahead of you")

        hub.stop_server("cy")
        hub.wait_for_server("fay")
        assert list_pods(namespace) == {"dan", "fay"}
        assert read_line(hub) == 0
        assert re.search(r"fay\S* has room after \d+ s in line", hub.log)
        for user in ("dan", "fay"):
            hub.stop_server(user)
        wait_for(lambda: read_free(hub), 2)

"""A hub with pods whose proxy outlives it, as Zero to JupyterHub's does."""

import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from demo.node import get_proxy_command
from tests.cluster.versions import USER_IMAGE
from tests.faults.small_server import CRASHING, HUNGRY, PROGRAM
from tests.fixtures.cluster import CLAIM, Namespace
from tests.fixtures.fault_cluster import GATEWAY
from tests.fixtures.hub import CHECKED_LOGIN, Hub, find_free_port
from tests.fixtures.hub_account import make_hub_account

# Longer than a start takes on two cores where everybody starts at once.
START_SECONDS = 90
PASSWORD = "the tests' own"

CONFIG = """
c = get_config()  # noqa
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.hub_connect_ip = "{gateway}"
c.JupyterHub.db_url = "sqlite:///{directory}/hub.sqlite"
c.JupyterHub.cookie_secret = bytes.fromhex("{cookie_secret}")
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{"name": "admin", "services": ["tests"]}}]
c.JupyterHub.allow_named_servers = True
# As Zero to JupyterHub has it.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.spawner_class = "gateway"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "{proxy_url}"
c.ConfigurableHTTPProxy.auth_token = "{proxy_token}"
c.Spawner.consecutive_failure_limit = 5
c.DummyAuthenticator.password = "{password}"
c.DummyAuthenticator.allow_all = True
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "{image}"
c.KubeSpawner.image_pull_policy = "IfNotPresent"
# Faults last for a while: starts that outlive them are waited for.
c.KubeSpawner.start_timeout = 180
c.KubeSpawner.http_timeout = 180
# 30 s elsewhere: more than a test's patience.
c.KubeSpawner.poll_interval = 5
c.GatewaySpawner.reconcile_interval = 2
c.GatewaySpawner.reap_after = 5
c.GatewaySpawner.home_init_image = "{image}"
c.GatewaySpawner.shared_claim_name = "{claim}"
c.GatewaySpawner.memory_profiles = [
    {{"slug": "small", "display_name": "Small", "memory": "128M"}},
    {{"slug": "large", "display_name": "Large", "memory": "512M"}},
]

def choose_server(spawner):
    kind = spawner.user.name.partition("-")[0]
    if kind == "brief":
        spawner.tolerations = [
            {{
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 2,
            }}
        ]
    programs = {{"hungry": {hungry!r}, "crashing": {crashing!r}}}
    if kind == "lab":
        spawner.cmd = ["jupyterhub-singleuser"]
    else:
        spawner.cmd = ["python3", "-c", programs.get(kind, {program!r})]

c.Spawner.pre_spawn_hook = choose_server
""" + CHECKED_LOGIN.replace("{", "{{").replace("}", "}}")


@dataclass
class FaultSite:
    """A hub, its users' tokens, and what their servers' memories and homes last held.

    `answers` are those to requests for servers and for their ends.
    """

    hub: Hub
    namespace: Namespace
    hub_name: str
    proxy: "subprocess.Popen[bytes]"
    tokens: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def add_users(self, *names: str) -> None:
        """Add users to the hub."""
        for name in names:
            self.tokens[name] = self.hub.add_user(name)

    def add_token(self, name: str) -> None:
        """Take up a user who has signed in."""
        answer = self.hub.api("POST", f"/users/{name}/tokens", json={"note": "tests"})
        self.tokens[name] = answer.json()["token"]

    def ask(self, method: str, user: str, **options: Any) -> int:
        """Ask for the user's server, or for its end (DELETE); the status, 0 while the hub is down.

        Unlike a wait for a server that is up, this does not fail with the hub.
        """
        try:
            answer = self.hub.api(method, f"/users/{user}/server", **options)
        except requests.RequestException as error:
            self.answers.append(f"{method} {user}: {error}")
            return 0
        self.answers.append(f"{method} {user}: {answer.status_code} {answer.text}")
        return answer.status_code

    def ask_later(self, method: str, *users: str) -> None:
        """Ask as `ask` does, and don't wait for the answers."""
        for user in users:
            threading.Thread(target=self.ask, args=(method, user)).start()

    def start(self, *users: str, profile: str = "small", seconds: float = START_SECONDS) -> None:
        """Start the users' servers, all at once; return once all can be reached."""

        def start(user: str) -> None:
            answer = self.hub.api("POST", f"/users/{user}/server", json={"profile": profile})
            assert answer.status_code in (201, 202), f"{user}: {answer.status_code} {answer.text}"

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(start, users))
        self.wait_for(*users, seconds=seconds)

    def wait_for(self, *users: str, seconds: float = START_SECONDS) -> None:
        """Return once all of these users' servers can be reached."""
        wait_until(
            lambda: set(users) <= self.get_ready(),
            f"{', '.join(users)} run",
            seconds,
            self.explain,
        )

    def stop(self, *users: str, seconds: float = 60) -> None:
        """Stop the users' servers; return once the hub says that they are gone."""
        for user in users:
            self.ask("DELETE", user)
        wait_until(
            lambda: not set(users) & set(self.get_states()),
            f"{', '.join(users)} are stopped",
            seconds,
            self.explain,
        )

    def explain(self) -> str:
        """What there is to know if a wait was in vain."""
        return "\n".join([str(self.get_states()), *self.answers[-20:], self.hub.tail()])

    def get_states(self) -> dict[str, str]:
        """Of each user who has a server: "ready", or what it waits for ("spawn", "stop")."""
        users = self.hub.api("GET", "/users?limit=200").json()
        servers = {user["name"]: user["servers"].get("") for user in users}
        return {
            name: "ready" if server["ready"] else str(server["pending"])
            for name, server in servers.items()
            if server
        }

    def get_ready(self) -> set[str]:
        """The users whose servers run, by what the hub says."""
        return {name for name, state in self.get_states().items() if state == "ready"}

    def read(self, user: str) -> str:
        """Return what a small server holds in its memory; compare its home with that of before."""
        answer = requests.get(f"{self.hub.url}/user/{user}/", timeout=10, allow_redirects=False)
        assert answer.status_code == 200, f"{user}: {answer.status_code} {answer.text[:200]}"
        held = answer.json()
        assert self.homes.setdefault(user, held["home"]) == held["home"], f"{user} lost their home"
        return held["variable"]

    def ask_server(self, user: str, path: str) -> int:
        """Ask the user's small server for a path; the status, 0 where it is gone meanwhile."""
        try:
            url = f"{self.hub.url}/user/{user}/{path}"
            return requests.get(url, timeout=10, allow_redirects=False).status_code
        except requests.RequestException:
            return 0

    def read_all(self, users: Iterable[str]) -> dict[str, str]:
        """What several users' servers hold in their memories."""
        return {user: self.read(user) for user in users}

    def wait_for_failure(self, user: str, seconds: float = START_SECONDS) -> str:
        """Follow the user's start as their page does; return the sentence with which it fails."""
        for event in self.follow_start(user, seconds):
            assert not event.get("ready"), f"{user} was to fail, and runs"
            if event.get("failed"):
                return event["message"]
        raise AssertionError(f"the start of {user} told of no end:\n{self.hub.tail()}")

    def follow_start(self, user: str, seconds: float = START_SECONDS) -> Iterable[dict[str, Any]]:
        """The events of the progress bar, as long as there are any."""
        url = f"{self.hub.url}/hub/api/users/{user}/server/progress"
        headers = {"Authorization": f"Bearer {self.hub.token}"}
        deadline = time.monotonic() + seconds
        with requests.get(url, headers=headers, stream=True, timeout=seconds) as answer:
            assert answer.status_code == 200, answer.text
            for line in answer.iter_lines():
                if line.startswith(b"data:"):
                    yield json.loads(line.removeprefix(b"data:"))
                assert time.monotonic() < deadline, f"{user}'s start went on for {seconds} s"

    def find_pod(self, user: str) -> str:
        """The name of the user's pod."""
        pods = [pod["metadata"] for pod in self.namespace.pods()]
        named = {pod["annotations"]["hub.jupyter.org/username"]: pod["name"] for pod in pods}
        return named[user]

    def get_last_end(self, user: str) -> dict[str, str]:
        """Why the user's server has ended, as the hub remembers it; empty if it doesn't."""
        answer = self.hub.api("GET", f"/users/{user}", params={"include_stopped_servers": "1"})
        server = answer.json()["servers"].get("", {})
        return (server.get("state") or {}).get("last_end") or {}

    def open_page(self, user: str, path: str) -> str:
        """Return what the hub's page `path` shows to the user."""
        browser = requests.Session()
        url = f"{self.hub.url}/hub/login"
        browser.get(url, timeout=10)
        form = {"username": user, "password": PASSWORD, "_xsrf": browser.cookies["_xsrf"]}
        browser.post(url, params={"next": "/hub/home"}, data=form, timeout=10)
        return browser.get(f"{self.hub.url}{path}", timeout=10).text

    def crash_hub(self) -> None:
        """End the hub's process by force; proxy and pods go on."""
        self.hub.kill()

    def end(self) -> None:
        """End hub and proxy. Pods go on."""
        self.hub.stop()
        self.proxy.terminate()
        self.proxy.wait()


def start_site(
    directory: Path,
    namespace: Namespace,
    more: str = "",
    hub_name: str = "jupyterhub",
    environment: dict[str, str] | None = None,
) -> FaultSite:
    """Start a proxy and a hub with `more` at the end of its configuration.

    The hub has the rights that operators give it: an administrator's are never denied, not even
    by an API server that has just come back.
    """
    directory.mkdir()
    kubeconfig = directory / "kubeconfig"
    make_hub_account(namespace, directory.name, hub_name, kubeconfig)
    port, proxy_port, hub_port = find_free_port(), find_free_port(), find_free_port()
    values = {
        "url": f"http://127.0.0.1:{port}",
        "hub_port": hub_port,
        "gateway": GATEWAY,
        "directory": directory,
        "cookie_secret": secrets.token_hex(32),
        "token": secrets.token_hex(16),
        "proxy_url": f"http://127.0.0.1:{proxy_port}",
        "proxy_token": secrets.token_hex(16),
        "password": PASSWORD,
        "namespace": namespace.name,
        "image": USER_IMAGE,
        "claim": CLAIM,
    }
    programs = {"program": PROGRAM, "hungry": HUNGRY, "crashing": CRASHING}
    own = f'\nc.GatewaySpawner.hub_name = "{hub_name}"\n'
    config = CONFIG.format(**values, **programs) + own + more
    (directory / "jupyterhub_config.py").write_text(config)
    proxy = _start_proxy(directory, port, proxy_port, hub_port, values["proxy_token"])
    hub = Hub(
        values["url"],
        values["token"],
        directory,
        {"JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32), "KUBECONFIG": str(kubeconfig)}
        | (environment or {}),
        proxy,
    )
    site = FaultSite(hub, namespace, hub_name, proxy)
    hub.restart()
    return site


def _start_proxy(
    directory: Path, port: int, api_port: int, hub_port: int, token: str
) -> "subprocess.Popen[bytes]":
    with (directory / "proxy.log").open("ab") as log:
        return subprocess.Popen(
            [
                *get_proxy_command(),
                *("--ip", "127.0.0.1", "--port", str(port)),
                *("--api-ip", "127.0.0.1", "--api-port", str(api_port)),
                *("--default-target", f"http://127.0.0.1:{hub_port}"),
                *("--error-target", f"http://127.0.0.1:{hub_port}/hub/error"),
            ],
            env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": token},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(
    condition: Callable[[], bool],
    what: str,
    seconds: float,
    explain: Callable[[], object] = lambda: "",
) -> None:
    """Return once `condition()` holds; fail with `what` and `explain()` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}\n{explain()}"
        time.sleep(0.3)

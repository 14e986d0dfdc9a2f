"""One hub with a namespace, a user of the API server and users of its own."""

import base64
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from benchmarks.storm.background import run_module
from benchmarks.storm.profile import PROFILER
from benchmarks.storm.provider import GROUPS, make_auth_state
from benchmarks.storm.provisioner import LABEL, make_storage_class
from benchmarks.storm.variants import PROXY_TOKEN, Variant
from tests.cluster.kubeconfig import write_private
from tests.fixtures.cluster import Namespace, make_namespace
from tests.fixtures.hub import Hub, find_free_port, start_hub

ACCOUNT = "hub"
GONE_SECONDS = 300
# Where the database is. A hub waits for sixteen commits at each start: a disk would hide the rest.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108
MEMORY = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
# Logins outlive the storm: no start has to wait for a refresh.
LOGIN_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Site:
    """A running hub. ``api_user`` is who it is to the API server, by which its calls are told."""

    variant: Variant
    hub: Hub
    namespace: Namespace
    proxy_url: str
    issuer: str

    @property
    def api_user(self) -> str:
        """The hub's name in the audit log."""
        return f"system:serviceaccount:{self.namespace.name}:{ACCOUNT}"

    def add_users(self, names: Sequence[str]) -> None:
        """Make users who have logged in."""
        self._call("POST", "/users", {"usernames": list(names)})
        if not self.variant.has_logins:
            return
        for group in GROUPS:
            path = f"/groups/{requests.utils.quote(group, safe='')}"
            self._call("POST", path, {"users": list(names)})
        for name in names:
            state = make_auth_state(name, self.issuer, time.time(), LOGIN_SECONDS)
            self._call("PATCH", f"/users/{name}", {"auth_state": state})

    def list_routes(self) -> set[str]:
        """The users whose servers the proxy knows: the last thing that the hub does for a start.

        The proxy is asked, and not the hub, whose time is measured.
        """
        headers = {"Authorization": f"token {PROXY_TOKEN}"}
        answer = requests.get(f"{self.proxy_url}/api/routes", headers=headers, timeout=60)
        answer.raise_for_status()
        return {path.split("/")[2] for path in answer.json() if path.startswith("/user/")}

    def list_servers(self) -> list[dict[str, Any]]:
        """The users' default servers, as the hub knows them: ready, starting or stopping."""
        return [
            server
            for user in self._list_active()
            for name, server in user["servers"].items()
            if not name
        ]

    def _list_active(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            query = {"state": "active", "limit": 200, "offset": offset}
            answer = self.hub.api("GET", "/users", params=query)
            answer.raise_for_status()
            yield from answer.json()
            offset += 200
            if len(answer.json()) < 200:
                return

    def toggle_profiler(self) -> None:
        """Begin to profile the hub, or end it and write what was found."""
        os.kill(self.hub.process.pid, signal.SIGUSR2)

    def _call(self, method: str, path: str, content: dict[str, Any]) -> None:
        self.hub.api(method, path, json=content).raise_for_status()


@contextmanager
def run_site(
    variant: Variant,
    kubeconfig: Path,
    server_port: str,
    provider_port: str,
    start_timeout: float,
    log: Path,
    delay: float = 0,
) -> Iterator[Site]:
    """Run a hub of the variant; remove it with all that it made, and return when that is gone.

    ``start_timeout`` is the hub's, ``delay`` that of creations of pods; both are seconds. The
    hub's log is left as ``log``.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        namespace = stack.enter_context(_make_empty_namespace(kubeconfig))
        own = directory / "kubeconfig"
        write_account(own, namespace)
        if delay:
            address = stack.enter_context(_run_slow_api(own, delay))
            _replace_server(own, address)
        if variant.has_claims:
            stack.enter_context(_run_provisioner(namespace))
        proxy_url = f"http://127.0.0.1:{find_free_port()}"
        issuer = f"http://127.0.0.1:{provider_port}"
        config = variant.make_config(
            namespace=namespace.name,
            server_port=server_port,
            issuer=issuer,
            start_timeout=start_timeout,
        )
        config += f'c.ConfigurableHTTPProxy.api_url = "{proxy_url}"\n' + PROFILER
        hub = start_hub(directory, config, {"KUBECONFIG": str(own)})
        stack.callback(_end, hub, log)
        yield Site(variant, hub, namespace, proxy_url, issuer)


def _end(hub: Hub, log: Path) -> None:
    hub.stop()
    shutil.copy(hub.directory / "hub.log", log)


@contextmanager
def _make_empty_namespace(kubeconfig: Path) -> Iterator[Namespace]:
    with make_namespace(kubeconfig) as namespace:
        try:
            yield namespace
        finally:
            pods = f"/api/v1/namespaces/{namespace.name}/pods?gracePeriodSeconds=0"
            namespace.kubectl("delete", "--raw", pods, check=False)
    # What is being removed takes the machine's time from who is measured next.
    gone = ("--for=delete", f"--timeout={GONE_SECONDS}s")
    namespace.kubectl("wait", f"namespace/{namespace.name}", *gone, check=False)


def write_account(path: Path, namespace: Namespace) -> None:
    """Make the service account ACCOUNT, which may do anything in the namespace, and its kubeconfig.

    Hubs have one in a cluster, too.
    """
    namespace.kubectl("create", "serviceaccount", ACCOUNT)
    subject = f"--serviceaccount={namespace.name}:{ACCOUNT}"
    namespace.kubectl("create", "rolebinding", ACCOUNT, "--clusterrole=cluster-admin", subject)
    token = namespace.kubectl("create", "token", ACCOUNT, "--duration=24h").strip()
    content = yaml.safe_load(namespace.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    write_private(path, yaml.safe_dump(content))


@contextmanager
def _run_provisioner(namespace: Namespace) -> Iterator[None]:
    storage_class = make_storage_class()
    namespace.kubectl("apply", "-f", "-", manifest=storage_class)
    try:
        with run_module("provisioner", namespace.name, environment=namespace.environment):
            yield
    finally:
        selector = f"--selector={LABEL}={namespace.name}"
        namespace.kubectl("delete", "pv", selector, "--wait=false", check=False)


@contextmanager
def _run_slow_api(kubeconfig: Path, delay: float) -> Iterator[str]:
    """The address of a way to the API server on which creations of pods take longer."""
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = kubeconfig.with_name("ca.crt")
    authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    with run_module("slow_api", cluster["server"], str(authority), str(delay)) as port:
        yield f"http://127.0.0.1:{port}"


def _replace_server(kubeconfig: Path, address: str) -> None:
    content = yaml.safe_load(kubeconfig.read_text())
    content["clusters"][0]["cluster"] = {"server": address}
    write_private(kubeconfig, yaml.safe_dump(content))

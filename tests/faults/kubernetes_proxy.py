"""A proxy in front of the API server that goes wrong when a test says so.

Faults name requests by verb and resource: `create pods`, `watch pods`, `list events`.
"""

import json
import select
import socket
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.cluster.api import Api
from tests.fixtures.fault_proxy import FORWARD_SECONDS, Answer, FaultHandler, FaultProxy

EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "too old resource version: 1 (2)",
    "reason": "Expired",
    "code": 410,
}
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# A watch may be silent for as long as nothing happens.
_WATCH_SECONDS = 600


class KubernetesProxy(FaultProxy):
    """Passes all on to the API server, as its administrator, but for the faults."""

    def __init__(self, kubeconfig: Path) -> None:
        api = Api(kubeconfig)
        self._context = api.context
        self._watches: list[HTTPConnection] = []
        self.farewell = b""
        self.is_mute = False
        super().__init__(api.server, _KubernetesHandler)

    def connect(self, seconds: float = FORWARD_SECONDS) -> HTTPConnection:
        """A connection to the API server, for one request."""
        netloc = urlsplit(self.upstream).netloc
        return HTTPSConnection(netloc, timeout=seconds, context=self._context)

    def name(self, method: str, address: str) -> str:
        """The verb and the resource, such as `get pods`."""
        parts = urlsplit(address)
        resource, name = _read_path(parts.path)
        if method == "GET":
            is_watch = parse_qs(parts.query).get("watch", [""])[0].lower() in ("true", "1")
            verb = "watch" if is_watch else "get" if name else "list"
        else:
            verb = _VERBS.get(method, method.lower())
        return f"{verb} {resource}"

    def open_watch(self) -> HTTPConnection:
        """A connection that `end_watches` ends."""
        self._watches.append(self.connect(_WATCH_SECONDS))
        return self._watches[-1]

    def end_watches(self, farewell: dict[str, Any] | None = None) -> int:
        """End all open watches, with this error event as their last; how many there were."""
        event = {"type": "ERROR", "object": farewell}
        self.farewell = json.dumps(event).encode() + b"\n" if farewell else b""
        ended, self._watches = self._watches, []
        for watch in ended:
            with suppress(OSError):
                if watch.sock:
                    watch.sock.shutdown(socket.SHUT_RDWR)
        return len(ended)

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads through this proxy."""
        name = "fault-proxy"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
        path.write_text(yaml.safe_dump(content))
        return path


class _KubernetesHandler(FaultHandler):
    proxy: KubernetesProxy

    def forward(self, body: bytes) -> Answer | None:
        if not self.proxy.name(self.command, self.path).startswith("watch "):
            return super().forward(body)
        # What ends a watch ends it for both.
        ended = suppress(OSError, HTTPException, ValueError)
        with closing(self.proxy.open_watch()) as connection, ended:
            self._pass_on(connection)
        return None

    def _pass_on(self, connection: HTTPConnection) -> None:
        connection.request("GET", self.path, None, self.copy_headers())
        response = connection.getresponse()
        self.send_response_only(response.status)
        self.send_header("Content-Type", response.getheader("Content-Type", ""))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        try:
            while (line := response.readline()) and not self.proxy.is_mute:
                self._write(line)
            if self.proxy.is_mute:
                # As behind a firewall that has forgotten the connection: not even its end is seen.
                select.select([self.connection], [], [], _WATCH_SECONDS)
        finally:
            self._write(self.proxy.farewell)

    def _write(self, line: bytes) -> None:
        self.wfile.write(line)
        self.wfile.flush()


def _read_path(path: str) -> tuple[str, str]:
    """The resource of an API path, and the object's name or ""."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    resource = "/".join([*rest[:1], *rest[2:3]])
    return resource, rest[1] if len(rest) > 1 else ""

"""A Jupyter server as a user has it: a process that finds the extensions by their own files."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from websocket import WebSocket, create_connection

import jhub_gateway.notebook

NOTEBOOK = Path(jhub_gateway.notebook.__file__).parent
TOKEN = "token-of-the-test"


class NotebookServer:
    """A running server; its home is ``directory / "home"``."""

    def __init__(self, directory: Path, process: subprocess.Popen, log: Path) -> None:
        self.home = directory / "home"
        self.url = ""
        self._process = process
        self._log = log

    def read_log(self) -> str:
        return self._log.read_text()

    def get(self, path: str, token: str | None = TOKEN) -> str:
        return self._request("GET", path, token)[0]

    def get_headers(self, path: str) -> Message:
        return self._request("GET", path, TOKEN)[1]

    def delete(self, path: str) -> None:
        self._request("DELETE", path, TOKEN)

    def post(
        self, path: str, body: bytes = b"{}", token: str | None = TOKEN, **headers: str
    ) -> str:
        """Headers are written as names of Python, e.g. ``Sec_Fetch_User``."""
        return self._request("POST", path, token, body, headers)[0]

    def open_websocket(self, path: str) -> WebSocket:
        address = self.url.replace("http", "ws", 1) + path
        return create_connection(address, header=[f"Authorization: token {TOKEN}"], timeout=20)

    def _request(
        self,
        method: str,
        path: str,
        token: str | None,
        body: bytes | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[str, Message]:
        headers = {"Authorization": f"token {token}"} if token else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        request = Request(self.url + path, body, headers, method=method)  # noqa: S310
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.read().decode(), answer.headers

    def wait_for_log(self, text: str, seconds: float = 30) -> str:
        return self._wait(lambda: text if text in self.read_log() else "", seconds)

    def wait_for_url(self, runtime: Path) -> None:
        def read_url() -> str:
            for file in runtime.glob("jpserver-*.json"):
                # It writes the file a moment before it listens.
                with contextlib.suppress(ValueError, OSError):
                    url = json.loads(file.read_text())["url"]
                    place = urlsplit(url)
                    socket.create_connection((place.hostname, place.port), 1).close()
                    return url
            return ""

        self.url = self._wait(read_url, 60)

    def _wait(self, get, seconds: float) -> str:
        end = time.monotonic() + seconds
        while not (found := get()):
            assert self._process.poll() is None, self.read_log()
            assert time.monotonic() < end, self.read_log()
            time.sleep(0.05)
        return found


@contextlib.contextmanager
def run_notebook_server(
    directory: Path, command: Sequence[str] = (), **variables: str
) -> Iterator[NotebookServer]:
    """Run JupyterLab's server, or ``command``, with these variables; stops it afterwards."""
    home, runtime = directory / "home", directory / "runtime"
    home.mkdir(exist_ok=True)
    log = directory / "log"
    command = list(command) or [
        *(sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"),
        *("--ip=127.0.0.1", "--port=0", "--ServerApp.base_url=/user/ada/"),
    ]
    environ = {
        **{name: value for name, value in os.environ.items() if "JUPYTER" not in name},
        "HOME": str(home),
        "JUPYTER_CONFIG_PATH": str(NOTEBOOK / "etc/jupyter"),
        "JUPYTER_PATH": str(NOTEBOOK / "share/jupyter"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_TOKEN": TOKEN,
        **variables,
    }
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=home, env=environ, stdout=file, stderr=file)
    server = NotebookServer(directory, process, log)
    try:
        server.wait_for_url(runtime)
        yield server
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

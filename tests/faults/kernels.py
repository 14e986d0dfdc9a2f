"""A kernel of a user's real Jupyter server, through the proxy, as JupyterLab has it."""

import json
import uuid
from dataclasses import dataclass

import requests
from websocket import create_connection

SECONDS = 30


@dataclass(frozen=True)
class Kernel:
    """A running kernel of the server at `server`, the address that ends with /user/<name>."""

    server: str
    token: str
    id: str

    def run(self, code: str) -> str:
        """Run the code; return what it printed."""
        url = f"{self.server}/api/kernels/{self.id}/channels".replace("http", "ws", 1)
        socket = create_connection(
            url, timeout=SECONDS, header={"Authorization": f"token {self.token}"}
        )
        try:
            request = _make_request(code)
            socket.send(json.dumps(request))
            return _read_output(socket, request["header"]["msg_id"])
        finally:
            socket.close()


def start_kernel(server: str, token: str) -> Kernel:
    """Start a kernel on a user's server."""
    answer = requests.post(
        f"{server}/api/kernels",
        headers={"Authorization": f"token {token}"},
        json={"name": "python3"},
        timeout=SECONDS,
    )
    answer.raise_for_status()
    return Kernel(server, token, answer.json()["id"])


def _make_request(code: str) -> dict[str, object]:
    name = uuid.uuid4().hex
    header = {
        "msg_id": name,
        "msg_type": "execute_request",
        "username": "",
        "session": name,
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message: dict[str, object] = {"header": header, "parent_header": {}, "metadata": {}}
    return message | {"content": content, "buffers": [], "channel": "shell"}


def _read_output(socket: object, msg_id: str) -> str:
    printed = ""
    while True:
        message = json.loads(socket.recv())
        if message["parent_header"].get("msg_id") != msg_id:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        elif message["msg_type"] == "error":
            raise RuntimeError(message["content"]["evalue"])
        elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return printed.strip()

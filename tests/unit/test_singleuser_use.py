"""The use of a server that JupyterHub started: its extension asks the hub who is there."""

import json
import sys
import time
from urllib.error import HTTPError

import jupyterhub
import pytest

from tests.fixtures.hub import find_free_port
from tests.fixtures.thread_server import QuietHandler, ThreadServer
from tests.unit.notebook_server import run_notebook_server

KEY = "key-of-this-run"
USER_TOKEN = "token-of-ada"
USE = "jhub-gateway/use"
SCOPES = ["access:servers!server=ada/", "read:users:name!user=ada"]


class Hub(ThreadServer):
    """What a single-user server needs of its hub; remembers the tokens that it was asked for."""

    def __init__(self) -> None:
        self.lookups = []
        super().__init__(HubHandler, "127.0.0.1")


class HubHandler(QuietHandler):
    def do_GET(self) -> None:
        if self.path.endswith("/api/user"):
            token = self.headers["Authorization"].split()[-1]
            self.server.lookups.append(token)
            user = {"kind": "user", "name": "ada", "admin": False, "groups": [], "scopes": SCOPES}
            return self._answer(user if token == USER_TOKEN else None)
        return self._answer({"version": jupyterhub.__version__})

    def do_POST(self) -> None:
        self.read_body()
        self._answer({})

    def _answer(self, found: object) -> None:
        status = 403 if found is None else 200
        version = jupyterhub.__version__
        self.answer(status, json.dumps(found).encode(), X_JupyterHub_Version=version)


@pytest.fixture(scope="module")
def hub():
    hub = Hub()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, hub):
    address = f"{hub.url}/hub"
    variables = {
        "JHUB_GATEWAY_USE_KEY": KEY,
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{find_free_port()}/user/ada/",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
        "JUPYTERHUB_API_URL": f"{address}/api",
        "JUPYTERHUB_ACTIVITY_URL": f"{address}/api/users/ada/activity",
        "JUPYTERHUB_API_TOKEN": "token-of-the-server",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
        "JUPYTERHUB_USER": "ada",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps(SCOPES[:1]),
        "JUPYTERHUB_OAUTH_SCOPES": json.dumps(SCOPES[:1]),
    }
    command = [sys.executable, "-m", "jupyterhub.singleuser", "--allow-root"]
    directory = tmp_path_factory.mktemp("server")
    with run_notebook_server(directory, command, **variables) as running:
        yield running


def ask(server, key: str = KEY, **headers: str) -> dict:
    body = b'{"stop": null}'
    return json.loads(server.post(USE, body, None, X_Jhub_Gateway_Key=key, **headers))


def test_the_use_is_told_without_a_look_up_at_the_hub(server, hub):
    hub.lookups.clear()
    assert ask(server)["busy"] == ""
    # Neither a cookie nor what a browser adds to a request of another page's changes that.
    ask(server, Cookie="jupyterhub-user-ada=x; _xsrf=y", Sec_Fetch_Mode="no-cors")
    for key in ("", "wrong"):
        with pytest.raises(HTTPError) as refusal:
            ask(server, key)
        assert refusal.value.code == 403
    assert hub.lookups == []


def test_a_request_of_the_users_is_use_and_one_of_a_strangers_is_not(server, hub):
    ask(server)
    time.sleep(1.5)
    with pytest.raises(HTTPError):
        server.post("api/contents", token="stranger")
    assert ask(server)["idle_for"] >= 1.5
    server.post("api/contents", b'{"type": "directory"}', USER_TOKEN)
    assert ask(server)["idle_for"] < 1.5
    assert USER_TOKEN in hub.lookups


def test_the_users_jupyterlab_asks_and_tells(server):
    assert json.loads(server.get("jhub-gateway/stop", USER_TOKEN)) == {}
    time.sleep(1)
    server.post("jhub-gateway/presence", token=USER_TOKEN)
    assert ask(server)["idle_for"] < 1
    for path in ("jhub-gateway/presence", "jhub-gateway/keep"):
        with pytest.raises(HTTPError) as refusal:
            server.post(path, token="stranger")
        assert refusal.value.code == 403

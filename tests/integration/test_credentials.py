"""Credentials of servers on one machine, kept fresh by real hubs at a real provider."""

import json
import os
import secrets
import signal
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from jhub_gateway.clients.oidc import REQUEST_SECONDS
from tests.fixtures.fault_proxy import TOKEN, FaultProxy
from tests.fixtures.hub import Hub
from tests.integration.test_authenticator import make_config, sign_in

LIFETIME = 7
KEY = secrets.token_hex(32)

CONFIG = """
c.JupyterHub.spawner_class = "local-gateway"
c.JupyterHub.db_url = "sqlite:///{directory}/shared.sqlite"
c.LocalGatewaySpawner.data_directory = "{directory}/data"
c.LocalGatewaySpawner.args = {arguments}
c.LocalGatewaySpawner.poll_interval = 1
"""


@pytest.fixture
def behind_proxy(make_provider_behind_proxy):
    """A provider whose tokens live for seconds, and the way to it."""
    lifetimes = {"access_token": LIFETIME, "id_token": LIFETIME}
    return make_provider_behind_proxy(lifetimes=lifetimes, exchange_audiences=["wes"])


@pytest.fixture
def proxy(behind_proxy) -> FaultProxy:
    """The way from the hubs to the provider."""
    return behind_proxy[1]


@pytest.fixture
def provider(behind_proxy):
    """The hubs' provider."""
    return behind_proxy[0]


@pytest.fixture
def make_gateway(provider, make_hub, tmp_path):
    """Starts hubs on one database and one data directory."""
    arguments = ["--allow-root"] if os.geteuid() == 0 else []
    own = CONFIG.format(directory=tmp_path, arguments=arguments)

    def make(more: str = "") -> Hub:
        return make_hub(make_config(provider, own + more), {"JUPYTERHUB_CRYPT_KEY": KEY})

    return make


@pytest.fixture
def files(tmp_path) -> Path:
    """The directory above those of users' credentials."""
    return tmp_path / "data" / "credentials"


def start_server(hub: Hub, provider, name: str = "ada") -> requests.Session:
    """Sign the user in and start their server; return the browser."""
    browser, page = sign_in(hub, provider.accounts[name])
    assert page.ok, page.text
    hub.api("POST", f"/users/{name}/server", json={}).raise_for_status()
    hub.wait_for_server(name)
    return browser


def find_directory(files: Path) -> Path:
    """The one user's directory."""
    (directory,) = (path for path in files.iterdir() if path.is_dir())
    return directory


def read_index(files: Path) -> dict:
    """What the one user's server is told."""
    return json.loads((find_directory(files) / "credentials.json").read_text())


def wait_until(condition, seconds: float = 3 * LIFETIME) -> None:
    """Return once ``condition()`` holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(0.1)


def watch_token(files: Path, seconds: float) -> set[str]:
    """Return the access tokens that were there, after checking all the time that none is over."""
    seen = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        directory = find_directory(files)
        ends = datetime.fromisoformat((directory / "expires_at").read_text())
        assert ends > datetime.now(UTC)
        seen.add((directory / "access_token").read_text())
        time.sleep(0.1)
    return seen


def test_files_are_the_users_alone_fresh_and_gone_with_the_last_server(
    make_gateway, provider, files
):
    hub = make_gateway("c.LocalGatewaySpawner.id_token_file = True\n")
    start_server(hub, provider)
    directory = find_directory(files)
    assert {path.name for path in directory.iterdir()} == {
        "access_token",
        "id_token",
        "expires_at",
        "credentials.json",
    }
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert files.parent / "homes" not in directory.parents
    assert len(watch_token(files, 2 * LIFETIME)) >= 3

    hub.api("POST", "/users/ada/servers/second", json={}).raise_for_status()
    hub.wait_for_server("ada", "second")
    hub.stop_server("ada")
    assert directory.exists()
    hub.stop_server("ada", "second")
    wait_until(lambda: not directory.exists())


def test_files_go_with_the_last_server_that_is_stopped_for_want_of_use(
    make_gateway, provider, files
):
    hub = make_gateway("c.LocalGatewaySpawner.cull = {'warn_before': 0}\n")
    start_server(hub, provider)
    hub.api("POST", "/users/ada/servers/second", json={}).raise_for_status()
    hub.wait_for_server("ada", "second")
    directory = find_directory(files)
    cull(hub, "second")
    wait_until(lambda: "second" not in hub.api("GET", "/users/ada").json()["servers"])
    assert directory.exists()
    cull(hub, "")
    wait_until(lambda: not directory.exists())


def cull(hub: Hub, name: str) -> None:
    """Have the hub stop the server, as a culler does."""
    servers = hub.api("GET", "/gateway/servers").json()["servers"]
    [run] = [server["run"] for server in servers if server["server"] == name]
    order = {"user": "ada", "server": name, "run": run, "cause": "idle"}
    notices = {"warn": [{**order, "seconds": 0}]}
    assert hub.api("POST", "/gateway/notices", json=notices).json() == {"missed": 0}
    answer = hub.api("POST", "/gateway/stops", json={**order, "granted": 0})
    assert answer.status_code == 202, answer.text


def test_a_failing_provider_is_asked_again_and_a_refusal_ends_the_login(
    make_gateway, provider, proxy, files
):
    hub = make_gateway()
    start_server(hub, provider)
    faults = (
        lambda: proxy.answer(TOKEN, 500),
        lambda: proxy.drop(TOKEN),
        lambda: proxy.delay(TOKEN, REQUEST_SECONDS + 1),
    )
    for fail in faults:
        asked = proxy.count(TOKEN, grant_type="refresh_token")
        told = hub.log.count("are not refreshed")
        fail()
        wait_until(lambda: proxy.count(TOKEN, grant_type="refresh_token") > asked)  # noqa: B023
        wait_until(lambda: hub.log.count("are not refreshed") > told)  # noqa: B023
        assert read_index(files)["state"] in ("valid", "late")
        proxy.clear()
        wait_until(lambda: read_index(files)["state"] == "valid")

    proxy.oauth_error(TOKEN, "invalid_grant", grant_type="refresh_token")
    wait_until(lambda: read_index(files)["state"] == "ended")
    assert {path.name for path in find_directory(files).iterdir()} == {"credentials.json"}
    assert "The login of ada has ended" in hub.log
    assert hub.api("GET", "/users/ada").json()["servers"][""]["ready"]

    # An API request starts servers all the same; a page asks for a new login.
    hub.api("POST", "/users/ada/servers/second", json={}).raise_for_status()
    hub.wait_for_server("ada", "second")
    proxy.clear()
    sign_in(hub, provider.accounts["ada"])
    wait_until(lambda: read_index(files)["state"] == "valid")


def test_connectors_by_group(make_gateway, provider, files, tmp_path):
    secret = tmp_path / "ftp"
    secret.mkdir()
    (secret / "password").write_text("Gez4-moon\n")
    hub = make_gateway(f"""
c.LocalGatewaySpawner.credentials = [
    {{"name": "portal", "system": "plain", "audience": "https://portal.gateway.org"}},
    {{"name": "wes", "system": "token_exchange", "audience": "wes"}},
    {{"name": "ftp", "system": "static", "directory": "{secret}",
      "reread_seconds": 1, "allowed_groups": ["/gateway/large-memory"]}},
]
""")
    start_server(hub, provider, "ada")
    index = read_index(files)
    shown = {one["name"]: (one["state"], one["token"]) for one in index["credentials"]}
    assert shown == {
        "login": ("valid", "access_token"),
        "portal": ("valid", "access_token"),
        "wes": ("valid", "wes"),
    }
    exchanged = find_directory(files) / "wes"
    first = exchanged.read_text()
    wait_until(lambda: exchanged.read_text() != first)
    hub.stop_server("ada")

    start_server(hub, provider, "grace")
    password = find_directory(files) / "ftp.password"
    assert password.read_text() == "Gez4-moon\n"
    (secret / "password").write_text("another\n")
    wait_until(lambda: password.read_text() == "another\n")
    # A group that is lost takes its credential away at the next refresh.
    provider.set_groups("grace", ["/gateway/users"])
    wait_until(lambda: not password.exists())


def test_two_hubs_ask_once_and_the_second_goes_on_alone(make_gateway, provider, proxy, files):
    first = make_gateway()
    start_server(first, provider)
    second = make_gateway()
    proxy.clear_requests()
    tokens = watch_token(files, 3 * LIFETIME)
    asked = proxy.count(TOKEN, grant_type="refresh_token")
    # One more may be on its way at the beginning, and one at the end.
    assert len(tokens) - 2 <= asked <= len(tokens)

    os.killpg(first.process.pid, signal.SIGKILL)
    assert len(watch_token(files, 2 * LIFETIME)) >= 3
    assert "has ended" not in second.log


def test_nobody_who_was_logged_out_by_the_provider_has_a_session(make_gateway, provider, files):
    hub = make_gateway("c.GatewayAuthenticator.stop_removed_users = True\n")
    browser = start_server(hub, provider)
    own = browser.post(
        f"{hub.url}/hub/api/users/ada/tokens",
        json={},
        headers={"X-XSRFToken": browser.cookies["_xsrf"], "Referer": f"{hub.url}/hub/"},
        timeout=30,
    ).json()["token"]
    provider.set_client(backchannel_logout_uri=f"{hub.url}/hub/back_channel_logout")
    assert browser.get(f"{hub.url}/hub/home", timeout=30).url == f"{hub.url}/hub/home"

    (sent,) = provider.log_out("ada")
    assert sent["error"] is None
    assert "/hub/login" in browser.get(f"{hub.url}/hub/home", timeout=30).url
    wait_until(lambda: not hub.api("GET", "/users/ada").json()["servers"])
    assert hub.api("GET", "/users/ada", token=own).ok
    wait_until(lambda: not list(files.glob("*/")))

    forged = requests.post(
        f"{hub.url}/hub/back_channel_logout", data={"logout_token": "e30.e30."}, timeout=30
    )
    assert forged.status_code == 400

"""The gateway's credentials inside a server: there from the start, fresh, gone when they should.

Access tokens live for seconds here. The provider is behind a proxy that can fail.
"""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import open_notebook, run_cell, sign_in, start_server, wait_until
from tests.e2e.sites import Site
from tests.fixtures.cluster import Namespace
from tests.fixtures.fault_proxy import TOKEN, FaultProxy
from tests.fixtures.protected_service import ProtectedService

LIFETIME = 12
LIFETIMES = {"access_token": LIFETIME, "id_token": LIFETIME}
SERVERS = ("", "second", "third")
# While the provider is away, fails or is slow.
MOST_RETRIES = 8

CALL_EACH_SECOND = """
import collections, threading, requests
from jhub_gateway.notebook import auth

outcomes, done = collections.Counter(), threading.Event()

def call():
    while not done.is_set():
        try:
            outcome = requests.get("{url}", auth=auth("login"), timeout=5).status_code
        except Exception as problem:
            outcome = f"{{type(problem).__name__}}: {{problem}}"
        outcomes[str(outcome)] += 1
        done.wait(1)

threading.Thread(target=call).start()
print("started")
"""
STOP_CALLING = """
import json
done.set()
print(json.dumps(outcomes))
"""


@pytest.fixture
def behind_proxy(make_provider_behind_proxy):
    """A provider of this test's own, and the proxy through which the hub asks it."""
    return make_provider_behind_proxy(lifetimes=LIFETIMES, exchange_audiences=["wes"])


@pytest.fixture
def identity_provider(behind_proxy):
    """What the hub's configuration is made from."""
    return behind_proxy[0]


@pytest.fixture
def proxy(behind_proxy) -> FaultProxy:
    """The way from the hub to the provider."""
    return behind_proxy[1]


def open_server(page: Page, site: Site) -> None:
    """Sign ada in, start her server and open a notebook."""
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_notebook(page)


def test_a_notebook_in_a_pod_calls_a_service_for_ten_lifetimes(
    make_cluster_site, make_page, proxy, make_protected_service
):
    site: Site = make_cluster_site()
    service = make_protected_service(site.provider, host=site.address)
    page = make_page()
    open_server(page, site)
    for name in SERVERS[1:]:
        site.hub.api("POST", f"/users/ada/servers/{name}", json={}).raise_for_status()
        site.hub.wait_for_server("ada", name)

    proxy.clear_requests()
    began = time.monotonic()
    assert run_cell(page, CALL_EACH_SECOND.format(url=service.url)) == "started"
    time.sleep(2 * LIFETIME)
    wait_for_next_token(service)
    site.provider.restart()
    time.sleep(2 * LIFETIME)
    proxy.answer(TOKEN, 503)
    time.sleep(LIFETIME / 4)
    proxy.clear()
    time.sleep(2 * LIFETIME)
    proxy.delay(TOKEN, LIFETIME / 4)
    time.sleep(LIFETIME)
    proxy.clear()
    site.provider.rotate_keys(drop_old=True)
    wait_until(lambda: time.monotonic() - began >= 10 * LIFETIME, 5 * LIFETIME)
    outcomes = json.loads(run_cell(page, STOP_CALLING))
    lifetimes = (time.monotonic() - began) / LIFETIME

    assert set(service.count_outcomes()) == {"valid"}
    assert set(outcomes) == {"200"}
    # Between a half and six tenths of a lifetime, for all three servers together.
    assert lifetimes <= service.count_tokens() <= 2 * lifetimes + 2
    asked = proxy.count(TOKEN, grant_type="refresh_token")
    assert asked <= 2 * lifetimes + 2 + MOST_RETRIES


def wait_for_next_token(service: ProtectedService) -> None:
    """Return once the service has asked about a new token: while the provider is away it can't."""
    seen = service.count_tokens()
    wait_until(lambda: service.count_tokens() > seen, 2 * LIFETIME)


READER = """
c.JupyterHub.load_roles.append(
    {"name": "reader", "services": ["tests"], "scopes": ["admin:auth_state"]}
)
"""
STATIC = """
c.GatewaySpawner.credentials = [
    {{"name": "ftp", "system": "static", "directory": "{directory}"}},
    {{"name": "wes", "system": "token_exchange", "audience": "wes"}},
]
"""
READ_PASSWORD = """
from jhub_gateway.notebook import read
print(read("ftp")["password"])
"""
READ_STATE = """
from jhub_gateway.notebook import credentials, token, CredentialEnded
try:
    token(wait=0)
    print(credentials().state)
except CredentialEnded as problem:
    print("ended:", problem)
"""
NOTICE = ".Toastify__toast"


def test_a_login_that_ended_is_told_and_comes_back_with_the_next_one(make_site, make_page):
    site: Site = make_site()
    page = make_page()
    open_server(page, site)
    assert run_cell(page, READ_STATE) == "valid"

    site.provider.set_disabled("ada")
    wait_until(lambda: run_cell(page, READ_STATE).startswith("ended"), 2 * LIFETIME)
    assert "log in again" in run_cell(page, READ_STATE).lower()
    page.reload()
    notice = page.locator(NOTICE, has_text="Your login at the gateway has ended")
    expect(notice).to_be_visible(timeout=60_000)

    # The server runs on, and the hub's own page says what to do.
    home = page.context.new_page()
    home.goto(f"{site.hub.url}/hub/home")
    expect(home.locator("body")).to_contain_text("Your login at the gateway has ended")
    assert site.hub.api("GET", "/users/ada").json()["servers"][""]["ready"]

    site.provider.set_disabled("ada", False)
    home.get_by_role("link", name="Log in again").click()
    if home.get_by_label("Password").is_visible():
        home.get_by_label("User name").fill("ada")
        home.get_by_label("Password").fill(site.provider.accounts["ada"].password)
        home.locator("#sign-in").click()
    expect(home.locator("body")).to_contain_text("Valid until")
    wait_until(lambda: run_cell(page, READ_STATE) == "valid", LIFETIME)


def test_no_token_is_anywhere_but_in_the_users_secret(
    make_cluster_site, node_namespace, make_page, tmp_path
):
    secret = tmp_path / "ftp"
    secret.mkdir()
    (secret / "password").write_text("Gez4-moon-and-9-stars")
    site: Site = make_cluster_site(READER + STATIC.format(directory=secret))
    site.hub.api("GET", "/users")
    page = make_page()
    open_server(page, site)
    tokens = {"Gez4-moon-and-9-stars", *read_tokens(site, node_namespace)}
    time.sleep(LIFETIME)
    tokens |= read_tokens(site, node_namespace)
    assert len(tokens) == 1 + 2 * 4

    # Where the user reads it, it is; so that this test can find what it looks for.
    assert run_cell(page, READ_PASSWORD) == "Gez4-moon-and-9-stars"
    pod = node_namespace.wait_for_pod()
    places = {
        "pod": json.dumps(pod),
        "environment": node_namespace.kubectl(
            "exec", pod["metadata"]["name"], "--", "sh", "-c", "cat /proc/[0-9]*/environ"
        ),
        "processes": node_namespace.kubectl(
            "exec", pod["metadata"]["name"], "--", "sh", "-c", "cat /proc/[0-9]*/cmdline"
        ),
        "pod's log": node_namespace.kubectl("logs", pod["metadata"]["name"], "--all-containers"),
        "events": json.dumps(node_namespace.get("events")),
        "hub's log": site.hub.log,
        "hub's database": (site.hub.directory / "hub.sqlite").read_bytes().decode("latin-1"),
        "home page": page.request.get(f"{site.hub.url}/hub/home").text(),
        "error page": page.request.get(f"{site.hub.url}/hub/oauth_callback?code=x").text(),
        "spawn page": page.request.get(f"{site.hub.url}/hub/spawn/ada").text(),
        "health": page.request.get(f"{site.hub.url}/user/ada/jhub-gateway/credentials").text(),
        "home": "".join(read_texts(site.share)),
    }
    found = {place for place, text in places.items() if any(token in text for token in tokens)}
    assert not found

    # The refresh token is not even in the Secret, whose annotations say nothing either.
    kept, contents = read_secret(node_namespace)
    files = {"access_token", "expires_at", "credentials.json", "ftp.password", "wes"}
    assert set(contents) == files
    state = site.hub.api("GET", "/users/ada").json()["auth_state"]
    assert state["refresh_token"]
    assert all(state["refresh_token"] not in text for text in contents.values())
    assert not any(token in json.dumps(kept["metadata"]) for token in tokens)

    site.hub.stop_server("ada")
    wait_until(
        lambda: not node_namespace.get("secrets", "-l=jhub-gateway/component=credentials")["items"],
        10,
    )


def read_tokens(site: Site, namespace: Namespace) -> set[str]:
    """The tokens of ada's login, as the hub has them now, and the exchanged one."""
    state = site.hub.api("GET", "/users/ada").json()["auth_state"]
    own = {state[name] for name in ("access_token", "refresh_token", "id_token")}
    return {*own, read_secret(namespace)[1]["wes"]}


def read_secret(namespace: Namespace) -> tuple[dict, dict[str, str]]:
    """The only user's Secret, and what is in it."""
    (secret,) = namespace.get("secrets", "-l=jhub-gateway/component=credentials")["items"]
    data = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    return secret, data


def read_texts(directory: Path) -> Iterator[str]:
    """All files below the directory."""
    for path in directory.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


def test_a_killed_hub_takes_up_the_credentials_again(make_cluster_site, make_page):
    site: Site = make_cluster_site()
    page = make_page()
    open_server(page, site)
    before = site.provider.count_requests(grant_type="refresh_token")
    site.hub.kill()
    time.sleep(LIFETIME)
    # Killed with its proxy, through which the notebook is reached: the token has ended by now.
    site.hub.restart()
    open_notebook(page)
    assert run_cell(page, READ_STATE) == "valid"
    wait_until(lambda: site.provider.count_requests(grant_type="refresh_token") > before, 60)
    wait_until(lambda: run_cell(page, READ_STATE) == "valid", LIFETIME)

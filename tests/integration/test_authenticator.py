"""GatewayAuthenticator in a real hub, against a real OpenID provider, as a browser sees it."""

import html
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.fixtures.hub import STOP_SECONDS, Hub, launch_hub, start_hub
from tests.fixtures.identity_provider import Account, IdentityProvider

CONFIG = """
c.JupyterHub.authenticator_class = "gateway"
c.JupyterHub.spawner_class = "simple"
c.GatewayAuthenticator.issuer = "{issuer}"
c.GatewayAuthenticator.client_id = "{client_id}"
c.GatewayAuthenticator.client_secret = "{client_secret}"
c.GatewayAuthenticator.scope = ["openid", "profile", "email", "groups"]
c.GatewayAuthenticator.allowed_groups = {{"/gateway/users"}}
c.GatewayAuthenticator.admin_groups = {{"/gateway/admins"}}
c.JupyterHub.load_roles.append(
    {{"name": "reader", "services": ["tests"], "scopes": ["admin:auth_state"]}}
)
"""
SERVERS = f"""
c.Spawner.cmd = ["{sys.executable}", "-m", "jupyterhub.singleuser", "--allow-root"]
"""
SECRET = "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol"


def make_config(provider: IdentityProvider, more: str = "") -> str:
    return CONFIG.format(**vars(provider)) + more


def sign_in(hub: Hub, account: Account, next_url: str = "/hub/home"):
    """Return the browser, and the page that it shows after signing in at the provider."""
    browser = requests.Session()
    query = {"next": next_url}
    page = browser.get(f"{hub.url}/hub/oauth_login", params=query, timeout=30)
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action, page.text
    form = {"username": account.username, "password": account.password}
    address = requests.compat.urljoin(page.url, html.unescape(action[1]))
    return browser, browser.post(address, data=form, timeout=30)


@pytest.fixture(scope="module")
def hub(identity_provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for the tests that only log in."""
    hub = start_hub(tmp_path_factory.mktemp("hub"), make_config(identity_provider))
    yield hub
    hub.stop()


def test_login_makes_a_user_with_groups_and_encrypted_state(hub, identity_provider):
    _, page = sign_in(hub, identity_provider.accounts["grace"])
    assert (page.status_code, page.url) == (200, f"{hub.url}/hub/home")
    grace = hub.api("GET", "/users/grace").json()
    assert sorted(grace["groups"]) == ["/gateway/large-memory", "/gateway/users"]
    assert not grace["admin"]
    state = grace["auth_state"]
    assert state["issuer"] == identity_provider.issuer
    assert state["subject"] == state["oauth_user"]["sub"]
    assert state["display_name"] == "Grace Hopper"
    for token in (state["access_token"], state["refresh_token"], state["id_token"]):
        assert token.encode() not in (hub.directory / "hub.sqlite").read_bytes()
        assert token not in hub.log


def test_administrator_by_group(hub, identity_provider):
    sign_in(hub, identity_provider.accounts["hypatia"])
    assert hub.api("GET", "/users/hypatia").json()["admin"]


def test_user_in_no_allowed_group_reads_why(hub, identity_provider):
    browser, page = sign_in(hub, identity_provider.accounts["mallory"])
    assert page.status_code == 403
    assert "your account may not use this hub" in page.text
    assert hub.api("GET", "/users/mallory").status_code == 404
    assert "/hub/login" in browser.get(f"{hub.url}/hub/home", timeout=30).url


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ({"error": "x", "error_description": "Call +30 555 0100"}, "Call +30 555 0100"),
        ({"code": "x", "state": "W10="}, "none of this hub's"),
    ],
)
def test_callback_of_no_login_shows_nothing_of_its_url(hub, query, cause):
    page = requests.get(f"{hub.url}/hub/oauth_callback", params=query, timeout=30)
    assert page.status_code == 400
    assert "Start again from this hub" in page.text
    assert cause not in html.unescape(page.text)
    assert "OAuth" not in page.text
    assert cause in hub.log


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/x", "//evil.example/x", "/\\evil.example/x", "javascript:alert(1)"],
)
def test_login_leads_to_this_hub_only(hub, identity_provider, address):
    _, page = sign_in(hub, identity_provider.accounts["ada"], address)
    assert page.url.startswith(hub.url + "/")
    assert all("evil.example" not in step.url.split("/")[2] for step in [*page.history, page])


def test_login_goes_on_after_the_tokens_end(make_hub, make_identity_provider):
    provider = make_identity_provider(lifetimes={"access_token": 1, "refresh_token": 1})
    hub = make_hub(make_config(provider, SERVERS))
    browser, _ = sign_in(hub, provider.accounts["ada"])
    token = hub.api("POST", "/users/ada/tokens", json={}).json()["token"]
    provider.stop()
    assert browser.get(f"{hub.url}/hub/home", timeout=30).url == f"{hub.url}/hub/home"
    assert hub.api("GET", "/user", token).ok
    # An administrator's start, and the server's own reports, ask nothing of the provider either.
    assert hub.api("POST", "/users/ada/server").status_code in (201, 202)
    hub.wait_for_server("ada")
    activity = {"last_activity": "2026-01-01T00:00:00Z"}
    assert hub.api("POST", "/users/ada/activity", token, json=activity).ok
    hub.stop_server("ada")


def test_names_that_differ_in_case_are_two_users(make_hub, make_identity_provider):
    names = ["Ada", "ada"]
    people = [
        {"username": n, "password": SECRET, "name": n, "email": "", "groups": ["/gateway/users"]}
        for n in names
    ]
    provider = make_identity_provider(accounts=people)
    hub = make_hub(make_config(provider))
    for name in names:
        sign_in(hub, Account(name, SECRET, name, "", ()))
    models = [hub.api("GET", f"/users/{name}").json() for name in names]
    assert [model["name"] for model in models] == names
    assert len({model["auth_state"]["subject"] for model in models}) == 2


def test_a_start_hears_of_a_group_that_was_left_since_the_login(make_hub, make_identity_provider):
    provider = make_identity_provider()
    hub = make_hub(make_config(provider, SERVERS))
    sign_in(hub, provider.accounts["grace"])
    provider.set_groups("grace", ["/gateway/users"])
    hub.api("POST", "/users/grace/server").raise_for_status()
    hub.wait_for_server("grace")
    assert hub.api("GET", "/users/grace").json()["groups"] == ["/gateway/users"]
    hub.stop_server("grace")
    # Somebody who may not be asked about, and a provider that is away, keep nobody from working.
    provider.set_groups("grace", ["/gateway/users", "/gateway/large-memory"])
    provider.set_disabled("grace")
    hub.api("POST", "/users/grace/server").raise_for_status()
    hub.wait_for_server("grace")
    hub.stop_server("grace")
    provider.stop()
    hub.api("POST", "/users/grace/server").raise_for_status()
    hub.wait_for_server("grace")
    assert hub.api("GET", "/users/grace").json()["groups"] == ["/gateway/users"]
    assert hub.log.count("grace starts with the groups of the last login") == 2


def test_a_name_that_changes_hands_opens_nothing_of_its_old_owner(make_hub, identity_provider):
    everybody_is_ada = 'c.GatewayAuthenticator.username_claim = lambda claims: "ada"\n'
    hub = make_hub(make_config(identity_provider, everybody_is_ada))
    sign_in(hub, identity_provider.accounts["ada"])
    subject = hub.api("GET", "/users/ada").json()["auth_state"]["subject"]
    browser, page = sign_in(hub, identity_provider.accounts["grace"])
    assert page.status_code == 403
    assert "Your user name belonged to another login at this hub" in page.text
    assert "remove the account from the hub" in hub.log
    assert browser.get(f"{hub.url}/hub/api/user", timeout=30).status_code == 403
    assert hub.api("GET", "/users/ada").json()["auth_state"]["subject"] == subject
    # The operator decides.
    hub.api("DELETE", "/users/ada").raise_for_status()
    assert sign_in(hub, identity_provider.accounts["grace"])[1].status_code == 200


class Gateway(ThreadingHTTPServer):
    """Answers for a provider with whatever ``document`` is; none of it is a 503."""

    document: dict[str, str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def make_document(self) -> dict[str, str]:
        keys = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        return {"issuer": self.issuer} | {key: f"{self.issuer}/{key}" for key in keys}


class GatewayHandler(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.send_response(200 if self.server.document else 503)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.document).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(("127.0.0.1", 0), GatewayHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask_for_login(hub: Hub) -> requests.Response:
    return requests.get(f"{hub.url}/hub/oauth_login", allow_redirects=False, timeout=30)


def test_provider_that_is_down_at_the_start(make_hub, gateway):
    config = CONFIG.format(issuer=gateway.issuer, client_id="jupyterhub", client_secret=SECRET)
    hub = make_hub(config)
    page = ask_for_login(hub)
    assert page.status_code == 503
    assert "login service cannot be used right now" in page.text
    assert gateway.issuer not in page.text
    assert f"{gateway.issuer}/.well-known/openid-configuration failed: HTTP 503" in hub.log
    gateway.document = gateway.make_document()
    redirect = ask_for_login(hub)
    assert redirect.status_code == 302
    assert redirect.headers["Location"].startswith(f"{gateway.issuer}/authorization_endpoint?")
    assert "code_challenge_method=S256" in redirect.headers["Location"]


def test_provider_with_another_issuer(make_hub, gateway):
    gateway.document = gateway.make_document() | {"issuer": "https://evil.example"}
    config = CONFIG.format(issuer=gateway.issuer, client_id="jupyterhub", client_secret=SECRET)
    hub = make_hub(config)
    assert ask_for_login(hub).status_code == 503
    assert "the provider calls itself 'https://evil.example'" in hub.log


NOBODY = """
c.GatewayAuthenticator.allowed_groups = set()
c.GatewayAuthenticator.admin_groups = set()
"""
STOPS = [
    ('c.GatewayAuthenticator.client_secret = "changeme"', {}, "client_secret still has"),
    ('c.JupyterHub.cookie_secret = b"short"', {}, "JupyterHub.cookie_secret has 5 bytes"),
    ('c.GatewayAuthenticator.issuer = "http://login.gateway.org"', {}, "over http anybody"),
    ('c.GatewayAuthenticator.alowed_groups = {"x"}', {}, "alowed_groups: there is no such setting"),
    (NOBODY, {}, "nobody may log in"),
    ("", {"JUPYTERHUB_CRYPT_KEY": "changeme" * 4}, "key 1 of JUPYTERHUB_CRYPT_KEY"),
    ("", {"JUPYTERHUB_CRYPT_KEY": ""}, "no key to encrypt"),
    ("", {"JUPYTERHUB_CRYPT_KEY": "short"}, "has 5 characters"),
    ('c.CryptKeeper.keys = ["short"]', {}, "has 5 characters"),
]


@pytest.mark.parametrize(("settings", "environment", "words"), STOPS)
def test_setting_that_stops_the_hub(settings, environment, words, tmp_path: Path):
    config = CONFIG.format(issuer="https://a.org", client_id="jupyterhub", client_secret=SECRET)
    hub = launch_hub(tmp_path, config + settings, environment)
    try:
        assert hub.process.wait(STOP_SECONDS) == 1
    finally:
        hub.stop()
    assert words in hub.tail(1)
    assert "Traceback" not in hub.log
    assert SECRET not in hub.log

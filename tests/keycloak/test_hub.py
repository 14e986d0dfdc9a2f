"""A hub on one machine whose users log in at Keycloak, in Chromium.

The tests share the hub; each has a person of its own, or leaves them as they were.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import open_notebook, read_profiles, run_cell, start_server
from tests.e2e.sites import Site, make_one_machine_config
from tests.fixtures.hub import start_hub
from tests.fixtures.keycloak.keycloak import Keycloak
from tests.keycloak.people import (
    expect_logged_in,
    expect_login_wanted,
    fill_in,
    find_form,
    go_to_keycloak,
    sign_in,
)

LIFETIME = 8

CONFIG = """
c.JupyterHub.authenticator_class = "gateway-keycloak"
c.GatewayAuthenticator.stop_removed_users = True
c.LocalGatewaySpawner.credentials = [
    {"name": "tes", "system": "token_exchange", "audience": "tes", "scope": "tes"},
    {"name": "wes", "system": "token_exchange", "audience": "wes"},
    {"name": "portal", "system": "plain", "audience": "portal.gateway.org"},
]
"""

CALL = """
import json, requests
from jhub_gateway.notebook import auth, credentials, token

def call(url, name):
    return requests.get(url, auth=auth(name), timeout=5).status_code

print(json.dumps({{
    "names": [one.name for one in credentials()],
    "same": token("portal") == token(),
    "other": token("tes") != token(),
    "any": {{name: call("{any_url}", name) for name in ("login", "portal", "wes", "tes")}},
    "tes": {{name: call("{tes_url}", name) for name in ("login", "portal", "wes", "tes")}},
}}))
"""


@pytest.fixture(scope="module")
def own_realm(make_keycloak) -> Keycloak:
    """A realm for the hubs of these tests alone."""
    realm = make_keycloak()
    realm.set_lifetimes(access_token=LIFETIME)
    return realm


@pytest.fixture(scope="module")
def site(own_realm, tmp_path_factory) -> Iterator[Site]:
    """The hub that the tests share, which Keycloak tells of logouts."""
    with running_site(own_realm, tmp_path_factory.mktemp("site")) as site:
        own_realm.set_back_channel_url(f"{site.hub.url}/hub/back_channel_logout")
        yield site


@contextmanager
def running_site(realm: Keycloak, directory: Path, more: str = "") -> Iterator[Site]:
    """A hub with its data in `directory`, and with what a test adds to its configuration."""
    config = make_one_machine_config(realm, directory / "data") + CONFIG
    hub = start_hub(directory, config + more)
    try:
        yield Site(hub, realm, directory / "data", "127.0.0.1")
    finally:
        hub.stop()


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Return after how many seconds ``condition()`` held; fail after so many."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not in {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - began


def start_by_api(site: Site, name: str) -> None:
    site.hub.api("POST", f"/users/{name}/server", json={"profile": "small"}).raise_for_status()
    site.hub.wait_for_server(name)


def has_server(site: Site, name: str) -> bool:
    return bool(site.hub.api("GET", f"/users/{name}").json()["servers"])


def make_api_token(site: Site, name: str) -> str:
    answer = site.hub.api("POST", f"/users/{name}/tokens", json={"note": "a script"})
    answer.raise_for_status()
    return answer.json()["token"]


def test_groups_decide_the_profiles(site, make_page):
    for name, profiles in {"ada": ["Small"], "grace": ["Small", "Large"]}.items():
        page = make_page()
        sign_in(page, site.hub, site.provider.accounts[name])
        assert read_profiles(page) == profiles
    groups = site.hub.api("GET", "/users/grace").json()["groups"]
    assert sorted(groups) == ["/gateway/large-memory", "/gateway/users"]


def test_who_is_in_no_group_is_not_let_in(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["mallory"])
    expect(page.locator("body")).to_contain_text("your account may not use this hub")


def test_a_notebook_calls_services_with_tokens_of_keycloak(site, make_page, make_protected_service):
    anybody = make_protected_service(site.provider)
    tes = make_protected_service(site.provider, audience="tes")
    page: Page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    open_notebook(page)
    found = json.loads(run_cell(page, CALL.format(any_url=anybody.url, tes_url=tes.url)))
    assert found == {
        "names": ["login", "tes", "wes", "portal"],
        "same": True,
        "other": True,
        "any": {"login": 200, "portal": 200, "wes": 200, "tes": 200},
        # Keycloak gives the login's own token no audience but those of its default scopes.
        "tes": {"login": 401, "portal": 401, "wes": 401, "tes": 200},
    }


def test_a_login_outlives_the_stop_of_its_last_server(site, make_page):
    page: Page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    if not has_server(site, "grace"):
        start_by_api(site, "grace")
    site.hub.stop_server("grace")
    # The next start has to refresh it.
    time.sleep(0.6 * LIFETIME)
    start_by_api(site, "grace")
    page.goto(f"{site.hub.url}/hub/home")
    expect(page.locator("body")).to_contain_text("Valid until")


def test_a_logout_at_the_hub_ends_the_session_at_keycloak_and_no_server(site, make_page):
    pages = one, other = make_page(), make_page()
    for page in pages:
        sign_in(page, site.hub, site.provider.accounts["ada"])
    start_by_api(site, "ada")

    expect_logged_in(other, site.hub)
    other.locator("#logout").click()
    expect(other).to_have_url(f"{site.hub.url}/hub/login")
    wait_until(lambda: "The provider has logged out ada" in site.hub.log, 5)
    expect_login_wanted(other, site.hub)
    go_to_keycloak(other, site.hub)
    expect(find_form(other)).to_be_visible()
    assert has_server(site, "ada")

    # Keycloak tells the hub of it, which can't tell one browser's session from another's.
    expect_login_wanted(one, site.hub)
    assert has_server(site, "ada")
    site.hub.stop_server("ada")


def test_a_session_that_an_administrator_ends_is_over_at_the_hub(site, make_page):
    page, other = make_page(), make_page()
    for name, where in {"grace": page, "ada": other}.items():
        sign_in(where, site.hub, site.provider.accounts[name])
    if not has_server(site, "grace"):
        start_by_api(site, "grace")
    token = make_api_token(site, "grace")
    expect_logged_in(page, site.hub)

    site.provider.end_session("grace")
    wait_until(lambda: not has_server(site, "grace"), 20)
    expect_login_wanted(page, site.hub)
    expect_logged_in(other, site.hub)
    assert site.hub.api("GET", "/user", token=token).json()["name"] == "grace"

    # And nothing stands in the way of a new login.
    go_to_keycloak(page, site.hub)
    fill_in(page, site.provider.accounts["grace"])
    page.wait_for_url(f"{site.hub.url}/**")
    expect_logged_in(page, site.hub)


def test_who_leaves_the_allowed_group_is_out_at_the_next_refresh(site, make_page):
    page: Page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_by_api(site, "ada")
    expect_logged_in(page, site.hub)

    site.provider.set_groups("ada", [])
    wait_until(lambda: not has_server(site, "ada"), LIFETIME + 10)
    expect_login_wanted(page, site.hub)
    go_to_keycloak(page, site.hub)
    expect(page.locator("body")).to_contain_text("your account may not use this hub")

    site.provider.set_groups("ada", site.provider.accounts["ada"].groups)
    go_to_keycloak(page, site.hub)
    page.wait_for_url(f"{site.hub.url}/**")
    expect_logged_in(page, site.hub)


def test_a_hub_can_shut_out_who_is_disabled(own_realm, tmp_path, make_page):
    """Keycloak tells nobody of it: a refresh does."""
    strict = "c.GatewayAuthenticator.end_sessions_with_login = True\n"
    with running_site(own_realm, tmp_path, strict) as site:
        page: Page = make_page()
        sign_in(page, site.hub, own_realm.accounts["hypatia"])
        start_by_api(site, "hypatia")
        expect_logged_in(page, site.hub)
        own_realm.set_disabled("hypatia")
        wait_until(lambda: not has_server(site, "hypatia"), LIFETIME + 5)
        expect_login_wanted(page, site.hub)
        go_to_keycloak(page, site.hub)
        fill_in(page, own_realm.accounts["hypatia"])
        expect(page.locator("body")).to_contain_text("Account is disabled")
        own_realm.set_disabled("hypatia", False)


def test_a_login_right_after_a_change_of_keys(site, make_page):
    before, after = make_page(), make_page()
    sign_in(before, site.hub, site.provider.accounts["ada"])
    site.provider.rotate_keys(drop_old=True)
    sign_in(after, site.hub, site.provider.accounts["ada"])
    expect_logged_in(after, site.hub)
    expect_logged_in(before, site.hub)

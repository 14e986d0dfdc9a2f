"""A pod whose user is disabled at Keycloak while it runs, and enabled again.

Access tokens live for seconds. All that the hub and the browser send to Keycloak goes through a
proxy that counts it.
"""

import json
import time
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.cluster.versions import USER_IMAGE
from tests.e2e.lab import open_notebook, run_cell, start_server
from tests.e2e.sites import HUB_IP, Site, make_kubernetes_config
from tests.fixtures.fault_proxy import FaultProxy
from tests.fixtures.protected_service import ProtectedService
from tests.keycloak.people import expect_login_wanted, fill_in, sign_in

LIFETIME = 12
# How long the tests' node takes to show a changed Secret, and the hub to write it.
NODE_DELAY = 5

CONFIG = """
c.JupyterHub.authenticator_class = "gateway-keycloak"
c.GatewaySpawner.credentials = [
    {"name": "tes", "system": "token_exchange", "audience": "tes", "scope": "tes"},
]
"""

CALL_EACH_SECOND = """
import collections, json, os, threading, time, requests
from jhub_gateway.notebook import CredentialEnded, CredentialExpired, auth, credentials, token

outcomes, done = collections.Counter(), threading.Event()

def call():
    try:
        return requests.get("{url}", auth=auth("tes"), timeout=5).status_code
    except Exception as problem:
        return type(problem).__name__

def call_each_second():
    while not done.is_set():
        outcomes[str(call())] += 1
        done.wait(1)

threading.Thread(target=call_each_second).start()
print("started")
"""

SHOW_OUTCOMES = "print(json.dumps(outcomes))"

WAIT_FOR_THE_END = """
while True:
    try:
        token(wait=0)
    except CredentialEnded as problem:
        sentence = str(problem)
        break
    except CredentialExpired:
        pass
    time.sleep(0.1)
ended_at = time.time()
directory = os.environ["JHUB_GATEWAY_CREDENTIALS"]
files = sorted(name for name in os.listdir(directory) if not name.startswith("."))
with open(f"{directory}/credentials.json") as file:
    health = json.load(file)
states = {"": health["state"]} | {one["name"]: one["state"] for one in health["credentials"]}
print(json.dumps([ended_at, sentence, files, states]))
"""

WAIT_FOR_A_LOGIN = """
while credentials().state != "valid" or credentials()["tes"].state != "valid":
    time.sleep(0.1)
print(call())
"""

NOTICE = ".Toastify__toast"


class End(NamedTuple):
    """What a pod sees of the end of its login.

    `at` is when, in seconds since the epoch; `states` are by the credentials' names, and "" for
    the whole.
    """

    at: float
    sentence: str
    files: list[str]
    states: dict[str, str]


def read_end(page: Page) -> End:
    """Wait for the end in the notebook."""
    return End(*json.loads(run_cell(page, WAIT_FOR_THE_END)))


@pytest.fixture
def proxy(keycloak_server, make_fault_proxy) -> FaultProxy:
    """The way to Keycloak."""
    return make_fault_proxy(keycloak_server.url)


@pytest.fixture
def site(make_keycloak, proxy, make_hub, node_namespace) -> Site:
    """A hub of pods, and a realm of its own."""
    realm = make_keycloak().put_behind(proxy.url)
    realm.set_lifetimes(access_token=LIFETIME)
    config = make_kubernetes_config(realm, node_namespace, USER_IMAGE) + CONFIG
    hub = make_hub(config, node_namespace.environment)
    realm.set_back_channel_url(f"{hub.url}/hub/back_channel_logout")
    return Site(hub, realm, node_namespace.share, HUB_IP)


@pytest.fixture
def service(site, make_protected_service):
    """What the notebook calls. It asks Keycloak about each token."""
    return make_protected_service(site.provider, host=site.address, audience="tes")


def count_hub_requests(proxy: FaultProxy) -> dict[str, int]:
    """How often the hub asked Keycloak for what."""
    counts: dict[str, int] = {}
    for request in proxy.requests:
        what = request.path.rsplit("/", 1)[-1]
        if what == "token":
            what = (request.grant_type or "").rsplit(":", 1)[-1]
        if what != "introspect":
            counts[what] = counts.get(what, 0) + 1
    return counts


def wait_for_refresh(proxy: FaultProxy) -> None:
    """Return right after the next refresh, with all that the hub asks for then."""
    proxy.clear_requests()
    while not {"userinfo", "token-exchange"} <= count_hub_requests(proxy).keys():
        time.sleep(0.05)
    time.sleep(0.5)


def describe_pod(namespace) -> tuple[str, str, int]:
    """Which pod it is, whether it runs, and how often it was started anew."""
    (pod,) = namespace.pods()
    (status,) = pod["status"]["containerStatuses"]
    return pod["metadata"]["uid"], pod["status"]["phase"], status["restartCount"]


def test_a_user_who_is_disabled_loses_access_in_a_pod_that_runs_on(
    site, service, proxy, make_page, node_namespace
):
    page: Page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_notebook(page)
    pod = describe_pod(node_namespace)

    proxy.clear_requests()
    assert run_cell(page, CALL_EACH_SECOND.format(url=service.url)) == "started"
    time.sleep(1.5 * LIFETIME)
    assert set(json.loads(run_cell(page, SHOW_OUTCOMES))) == {"200"}
    check_hub_requests(proxy)

    # Right after a refresh, when it takes longest.
    wait_for_refresh(proxy)
    disabled_at = time.time()
    site.provider.set_disabled("ada")
    end = read_end(page)
    assert end.at - disabled_at <= 0.6 * LIFETIME + NODE_DELAY
    assert "log in again" in end.sentence
    assert end.files == ["credentials.json"]
    assert end.states == {"": "ended", "login": "ended", "tes": "ended"}
    check_service(service, disabled_at, end.at)

    look_again(page)
    expect(page.locator(NOTICE, has_text="Your login at the gateway has ended")).to_be_visible()
    home = page.context.new_page()
    log_in_again(home, site)
    page.bring_to_front()
    assert run_cell(page, WAIT_FOR_A_LOGIN) == "200"

    # An administrator's logout is told at once, and waits for no refresh that is due.
    wait_for_refresh(proxy)
    logged_out_at = time.time()
    site.provider.end_session("ada")
    assert read_end(page).at - logged_out_at <= NODE_DELAY
    expect_login_wanted(home, site.hub)
    assert describe_pod(node_namespace) == pod


def check_hub_requests(proxy: FaultProxy) -> None:
    """In 1.5 lifetimes: a refresh after a half to six tenths, and what depends on its token."""
    counts = count_hub_requests(proxy)
    refreshes = counts["refresh_token"]
    assert 2 <= refreshes <= 4
    assert counts.keys() == {"refresh_token", "token-exchange", "userinfo"}
    assert abs(counts["userinfo"] - refreshes) <= 1
    assert abs(counts["token-exchange"] - refreshes) <= 1


def check_service(service: ProtectedService, disabled_at: float, ended_at: float) -> None:
    """The service takes no token of a disabled user; once the pod knows, none is sent."""
    time.sleep(2)
    times = {"valid": 0.0, "": 0.0}
    for request in service.requests:
        times[""] = request.time
        times[request.outcome] = request.time
    assert disabled_at - 3 <= times["valid"] <= disabled_at + 1
    assert times[""] <= ended_at + 1


def look_again(page: Page) -> None:
    """Come back to JupyterLab: it asks for what is new."""
    page.bring_to_front()
    with page.expect_response("**/jhub-gateway/credentials*"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def log_in_again(home: Page, site: Site) -> None:
    """The hub's home page leads to Keycloak, which first refuses the disabled user, and back."""
    home.goto(f"{site.hub.url}/hub/home")
    expect(home.locator("body")).to_contain_text("Your login at the gateway has ended")
    home.get_by_role("link", name="Log in again").click()
    fill_in(home, site.provider.accounts["ada"])
    expect(home.locator("body")).to_contain_text("Account is disabled")
    site.provider.set_disabled("ada", False)
    fill_in(home, site.provider.accounts["ada"])
    expect(home).to_have_url(f"{site.hub.url}/hub/home")
    expect(home.locator("body")).to_contain_text("Valid until")

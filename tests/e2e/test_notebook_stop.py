"""How a stop that is announced looks in JupyterLab: a real server, a real Chromium, no hub."""

import json
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.lab import SLOW
from tests.fixtures.thread_server import QuietHandler, ThreadServer
from tests.unit.notebook_server import TOKEN, NotebookServer, run_notebook_server

KEY = "key-of-this-run"
# One that was closed slides out while the next one comes.
NOTICE = ".Toastify__toast:not([class*=slide-exit])"
IDLE = {"cause": "idle", "why": "nobody has used it for 3 hours"}
AGE = {"cause": "age", "why": "it runs for at most 7 days"}


class Hub(ThreadServer):
    """Answers a wish to keep the server as it is told to."""

    answer = (500, {})

    def __init__(self) -> None:
        super().__init__(HubHandler, "127.0.0.1")


class HubHandler(QuietHandler):
    def do_POST(self) -> None:
        self.read_body()
        status, answer = self.server.answer
        self.answer(status, json.dumps(answer).encode())


@pytest.fixture(scope="module")
def hub():
    hub = Hub()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, hub):
    directory = tmp_path_factory.mktemp("server")
    settings = directory / "home/.jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    variables = {
        "JHUB_GATEWAY_USE_KEY": KEY,
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": "token-at-the-hub",
        "JUPYTERHUB_USER": "ada",
    }
    with run_notebook_server(directory, **variables) as running:
        yield running


@pytest.fixture
def lab(server, make_page):
    page = make_page()
    page.goto(f"{server.url}lab?token={TOKEN}")
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=SLOW)
    ask(server, None)
    yield page
    page.close()


def ask(server: NotebookServer, stop: dict | None) -> dict:
    body = json.dumps({"stop": stop}).encode()
    return json.loads(server.post("jhub-gateway/use", body, None, X_Jhub_Gateway_Key=KEY))


def announce(page: Page, server: NotebookServer, seconds: float, cause: dict) -> Locator:
    """Announce the stop, come back to the page, and return its notice."""
    ask(server, {"seconds": seconds, "keep_seconds": 14400, **cause})
    with page.expect_response("**/jhub-gateway/stop*"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    return page.locator(NOTICE, has_text="This server stops")


def test_whoever_uses_the_server_again_is_warned_no_more(lab, server):
    time.sleep(1)
    idle_for = ask(server, None)["idle_for"]
    # What a script does in the page is nobody's doing.
    lab.evaluate("document.body.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}))")
    notice = announce(lab, server, 5400, IDLE)
    expect(notice).to_contain_text("because nobody has used it for 3 hours.")
    assert ask(server, None)["idle_for"] > idle_for
    notice = announce(lab, server, 5400, IDLE)
    expect(notice).to_be_visible()
    lab.locator(".jp-Launcher").click(position={"x": 5, "y": 5})
    expect(notice).to_have_count(0)
    assert ask(server, None)["idle_for"] < 5


def test_one_click_keeps_the_server_and_says_until_when(lab, server, hub):
    hub.answer = (200, {"seconds": 20_000, "granted": 14400, "more": 0})
    notice = announce(lab, server, 5400, IDLE)
    notice.get_by_role("button", name="Keep it 4 more hours").click()
    expect(lab.get_by_text("Your server runs until")).to_be_visible()
    expect(notice).to_have_count(0)


def test_the_hubs_refusal_is_read_and_the_warning_stays(lab, server, hub):
    sentence = "Your server was kept for as long as it may be."
    hub.answer = (409, {"message": sentence})
    notice = announce(lab, server, 5400, AGE)
    notice.get_by_role("button", name="Keep it 4 more hours").click()
    expect(lab.get_by_text(sentence)).to_be_visible()
    expect(notice).to_contain_text("because it runs for at most 7 days.")
    # Nor does use change it.
    with lab.expect_response("**/jhub-gateway/presence*"):
        lab.locator(".jp-Launcher").click(position={"x": 5, "y": 5})
    announce(lab, server, 5400, AGE)
    expect(notice).to_be_visible()


def test_a_warning_that_was_closed_comes_again_shortly_before_the_stop(lab, server):
    notice = announce(lab, server, 5400, AGE)
    notice.locator(".jp-Notification-Toast-Close").click()
    expect(notice).to_have_count(0)
    announce(lab, server, 5390, AGE)
    lab.wait_for_timeout(500)
    expect(notice).to_have_count(0)
    announce(lab, server, 290, AGE)
    expect(notice).to_contain_text("This server stops soon, at ")

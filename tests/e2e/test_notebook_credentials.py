"""How the gateway's credentials look in JupyterLab: a real server, a real Chromium, no hub."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import SLOW, open_notebook
from tests.unit.credential_files import (
    LOGIN_URL,
    PodFiles,
    make_ended_files,
    make_entry,
    make_files,
    make_health,
    make_login,
    make_time,
)
from tests.unit.notebook_server import TOKEN, run_notebook_server

STATUS = ".jp-jhubGateway-credentials"
PANEL = ".jp-jhubGateway-panel"
NOTICE = ".Toastify__toast"
HOSTILE = "<img src=x onerror='document.title=\"owned\"'>"


@pytest.fixture
def files(tmp_path) -> PodFiles:
    made = PodFiles(tmp_path / "credentials")
    made.write(make_files("s3cr3t"))
    return made


@pytest.fixture
def lab(files, tmp_path, make_page):
    """JupyterLab as a user has it in the browser."""
    settings = tmp_path / "home/.jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    variables = {"JHUB_GATEWAY_CREDENTIALS": str(files.directory)}
    with run_notebook_server(tmp_path, **variables) as server:
        page = make_page()
        page.goto(f"{server.url}lab?token={TOKEN}")
        expect(page.locator(".jp-Launcher")).to_be_visible(timeout=SLOW)
        yield page
        page.close()


def look_again(page: Page) -> None:
    """Come back to the page: it asks for what is new."""
    with page.expect_response("**/jhub-gateway/credentials*"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def open_panel(page: Page) -> None:
    page.locator(".lm-MenuBar-item", has_text="File").click()
    page.locator(".lm-Menu-item", has_text="Gateway Credentials").click()
    expect(page.locator(PANEL)).to_be_visible()


def test_an_ended_login_is_told_until_there_is_a_new_one(lab, files):
    look_again(lab)
    expect(lab.locator(STATUS)).to_be_hidden()
    expect(lab.locator(NOTICE)).to_have_count(0)

    files.write(make_ended_files())
    look_again(lab)
    look_again(lab)
    expect(lab.locator(STATUS)).to_have_text("Gateway login ended")
    expect(lab.locator(NOTICE)).to_have_count(1)
    with lab.context.expect_page() as opened:
        lab.locator(NOTICE).get_by_role("button", name="Log in again").click()
    login = opened.value
    login.wait_for_url(f"**{LOGIN_URL}")
    assert login.evaluate("window.opener") is None
    login.close()

    # Closed by its reader it does not come back for the same reason.
    look_again(lab)
    expect(lab.locator(NOTICE)).to_have_count(0)
    lab.locator(STATUS).get_by_role("button").click()
    expect(lab.locator(PANEL)).to_contain_text("login: Your login at the gateway has ended.")
    with lab.context.expect_page() as opened:
        lab.locator(".jp-Dialog").get_by_role("button", name="Log in again").click()
    opened.value.wait_for_url(f"**{LOGIN_URL}")
    opened.value.close()

    files.write(make_files())
    look_again(lab)
    expect(lab.locator(STATUS)).to_be_hidden()
    files.write(make_ended_files())
    look_again(lab)
    expect(lab.locator(NOTICE)).to_have_count(1)
    files.write(make_files())
    look_again(lab)
    expect(lab.locator(NOTICE)).to_have_count(0)


def test_all_credentials_are_in_a_panel_and_none_of_their_secrets(lab, files):
    late = {"state": "late", "sentence": HOSTILE, "audience": HOSTILE}
    old = make_entry("old", expires_at=make_time(-90))
    login, wes = make_login(seconds=230), make_entry("wes", **late)
    files.write({**make_files("s3cr3t"), "credentials.json": make_health(login, wes, old)})
    open_panel(lab)
    rows = lab.locator(f"{PANEL} tbody tr")
    expect(rows.nth(0)).to_contain_text("valid")
    expect(rows.nth(0)).to_contain_text("(in 3 min)")
    expect(rows.nth(1)).to_contain_text("renewal is late")
    expect(rows.nth(1)).to_contain_text(HOSTILE)
    expect(rows.nth(2)).to_contain_text("expired, being renewed")
    expect(lab.locator(STATUS)).to_have_text("Gateway credentials expired: old")
    assert lab.title() != "owned"
    assert "s3cr3t" not in lab.content()


def test_a_notebook_shows_them_with_a_link_to_the_login(lab, files):
    files.write(make_ended_files())
    open_notebook(lab)
    lab.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
    lab.keyboard.insert_text("from jhub_gateway.notebook import credentials\ncredentials()")
    lab.keyboard.press("Shift+Enter")
    shown = lab.locator(".jhub-gateway-credentials")
    expect(shown.locator("tbody tr")).to_contain_text("ended", timeout=SLOW)
    with lab.context.expect_page() as opened:
        shown.get_by_role("link", name="Log in again").click()
    opened.value.wait_for_url(f"**{LOGIN_URL}")

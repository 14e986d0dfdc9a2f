"""What a person does in the browser: sign in, choose a size, run a cell."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.fixtures.hub import Hub
from tests.fixtures.identity_provider import Account

# Two tests share the cores.
expect.set_options(timeout=30_000)

# A cold JupyterLab on two busy cores.
SLOW = 120_000


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return once ``condition()`` holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(0.2)


def sign_in(page: Page, hub: Hub, account: Account) -> None:
    """Go to the hub and sign in at the gateway's provider; ends wherever the hub leads."""
    page.goto(f"{hub.url}/hub/login")
    page.get_by_role("link", name="Sign in").or_(page.get_by_role("button", name="Sign in")).click()
    page.get_by_label("User name").fill(account.username)
    page.get_by_label("Password").fill(account.password)
    page.locator("#sign-in").click()


def read_profiles(page: Page) -> list[str]:
    """The names on the profile page, in order."""
    expect(page.locator(".gateway-profile").first).to_be_visible()
    return page.locator(".gateway-profile-name").all_inner_texts()


def start_server(page: Page, profile: str) -> None:
    """Choose a profile by its name and wait for JupyterLab."""
    page.get_by_text(profile, exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#jp-top-panel")).to_be_visible(timeout=SLOW)


def expect_refusal(page: Page, profile: str, sentence: str) -> str:
    """Choose a profile; expect a page that says ``sentence``. Return its reference."""
    page.get_by_text(profile, exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("body")).to_contain_text(sentence, timeout=SLOW)
    expect(page.locator("body")).to_contain_text("Reference: ", timeout=SLOW)
    shown = re.search(r"Reference: ([0-9a-f]{10})\.", page.locator("body").inner_text())
    assert shown, page.locator("body").inner_text()
    return shown[1]


def open_notebook(page: Page) -> None:
    """Open a new notebook and wait for its kernel."""
    # JupyterLab restores what was open before the server stopped; start from the launcher.
    page.goto(page.url.split("/lab")[0] + "/lab?reset")
    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=SLOW)


def type_cell(page: Page, code: str) -> None:
    """Run ``code`` in the notebook's last cell, and wait for nothing."""
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def run_cell(page: Page, code: str) -> str:
    """Run ``code`` in the notebook's last cell; return what it printed."""
    outputs = page.locator(".jp-Notebook .jp-OutputArea-output pre")
    before = outputs.count()
    type_cell(page, code)
    expect(outputs).to_have_count(before + 1, timeout=SLOW)
    return outputs.last.inner_text().strip()


def delete_file(page: Page, name: str) -> None:
    """Delete a file of the home in the file browser."""
    item = page.locator(".jp-DirListing-item", has_text=name)
    item.click(button="right")
    page.locator(".lm-Menu-item[data-command='filebrowser:delete']").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Delete").click()
    expect(item).to_have_count(0)

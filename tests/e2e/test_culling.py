"""Servers that nobody needs, in the browser: who is warned, who stays, and what is said after."""

import time

from playwright.sync_api import Page, expect

from tests.e2e.lab import SLOW, open_notebook, sign_in, start_server, type_cell, wait_until
from tests.e2e.sites import Site

NOTICE = ".Toastify__toast"
IDLE_AFTER = 60
MAX_AGE, KEPT = 90, 20

CULLER = """
import sys
c.JupyterHub.services.append({
    "name": "culler",
    "command": [sys.executable, "-m", "jhub_gateway", "cull", "--Culler.interval=1"],
})
c.JupyterHub.load_roles.append(
    {"name": "culler", "services": ["culler"], "scopes": ["read:servers", "delete:servers"]}
)
"""
IDLE = {
    "idle_after": IDLE_AFTER,
    "warn_before": 30,
    "grace_after_disconnect": 5,
    "keep_alive_max": 0,
}
AGE = {
    "max_age": MAX_AGE,
    "warn_before": 60,
    "keep_alive_step": KEPT,
    "keep_alive_max": KEPT,
}
WORK = "import time; print('working'); time.sleep(900)"


def get_servers(site: Site) -> set[str]:
    """The users who have a server that runs."""
    users = site.hub.api("GET", "/users").json()
    return {user["name"] for user in users if user["servers"]}


def test_the_idle_go_even_behind_an_open_page_and_the_busy_stay(make_site, make_page):
    site: Site = make_site(f"{CULLER}c.{{spawner}}.cull = {IDLE}\n")
    accounts = site.provider.accounts
    busy, open_page, closed = make_page(), make_page(), make_page()
    sign_in(busy, site.hub, accounts["ada"])
    start_server(busy, "Small")
    open_notebook(busy)
    type_cell(busy, WORK)
    expect(busy.locator(".jp-OutputArea-output pre")).to_have_text("working", timeout=SLOW)
    began = time.monotonic()
    for page, name in ((closed, "grace"), (open_page, "hypatia")):
        sign_in(page, site.hub, accounts[name])
        page.goto(f"{site.hub.url}/hub/spawn/{name}")
        start_server(page, "Small")
    closed.close()
    # It was used when it was read, however long it took to load.
    open_page.locator(".jp-Launcher").click(position={"x": 5, "y": 5})

    warning = open_page.locator(NOTICE, has_text="because nobody has used it for 1 minute")
    expect(warning).to_be_visible(timeout=SLOW)
    expect(warning.get_by_role("button", name="Keep")).to_have_count(0)
    wait_until(lambda: get_servers(site) == {"ada"}, 240)
    # Longer than any idle server lives, and still at work.
    wait_until(lambda: time.monotonic() - began > IDLE_AFTER + 10, 90)
    assert get_servers(site) == {"ada"}
    expect(busy.locator(".jp-InputPrompt", has_text="[*]")).to_be_visible()

    home = make_page()
    sign_in(home, site.hub, accounts["hypatia"])
    home.goto(f"{site.hub.url}/hub/home")
    end = home.locator(".gateway-end")
    expect(end).to_contain_text("because nobody had used it for 1 minute")
    expect(end).to_contain_text("Your files are all there.")


def test_who_is_warned_keeps_the_server_once_and_loses_it_at_the_cap(make_site, make_page):
    site: Site = make_site(f"{CULLER}c.{{spawner}}.memory_profiles[1]['cull'] = {AGE}\n")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    began = time.monotonic()
    start_server(page, "Large")
    warning = page.locator(NOTICE, has_text="because it runs for at most 90 seconds")
    keep = warning.get_by_role("button", name=f"Keep it {KEPT} more seconds")
    keep.click(timeout=SLOW)
    expect(page.locator(NOTICE, has_text="Your server runs until")).to_be_visible()
    expect(warning).to_be_visible(timeout=SLOW)
    expect(keep).to_have_count(0)
    ask_once_more(page)

    wait_until(lambda: not get_servers(site), 120)
    assert time.monotonic() - began >= MAX_AGE + KEPT - 2
    page.goto(f"{site.hub.url}/hub/home")
    expect(page.locator(".gateway-end")).to_contain_text("it ran for at most 90 seconds")


def ask_once_more(page: Page) -> None:
    """Ask the server past the page, which offers nothing more."""
    asked = """async () => {
      const base = document.body.dataset.baseUrl
        ?? JSON.parse(document.getElementById("jupyter-config-data").textContent).baseUrl;
      const xsrf = document.cookie.match("\\\\b_xsrf=([^;]*)\\\\b")?.[1] ?? "";
      const answer = await fetch(`${base}jhub-gateway/keep`, {
        method: "POST", headers: { "X-XSRFToken": xsrf },
      });
      return [answer.status, (await answer.json()).message];
    }"""
    status, message = page.evaluate(asked)
    assert status == 409
    assert message

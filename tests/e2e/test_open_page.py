"""From a gateway's page into a notebook with its parameters, as a person goes."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.e2e.lab import SLOW, run_cell, sign_in
from tests.e2e.sites import READ_LIMIT, Site
from tests.fixtures.identity_provider import Account
from tests.fixtures.links import NAME, signed, write_keys

NOTEBOOK = "tutorials/welcome-1/analysis.ipynb"
PORTAL = "http://portal.test/"
SETTINGS = """
c.{spawner}.link_gateways = <gateways>
c.{spawner}.datasets = [
    {"name": "climate", "size": "300M", "description": "Monthly means, 1950 to 2025"},
]
c.{spawner}.tutorials = [{"name": "welcome-1"}]
"""
CELL = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": []}
CONTENTS = {
    "cells": [{**CELL, "execution_count": None}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
READ_LINK = """
from jhub_gateway.notebook import link
print(link()["run"], link()["dataset"], link()["parameters"], link()["gateway"])
"""


def make_site(make_local_site, keys: Path) -> Site:
    site: Site = make_local_site(SETTINGS.replace("<gateways>", repr(write_keys(keys))))
    notebook = site.share / NOTEBOOK
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps(CONTENTS))
    (site.share / "datasets/climate").mkdir(parents=True)
    return site


def show_portal(page: Page, body: str) -> None:
    """Show a page of the gateway's, at another address than the hub's."""
    page.route(f"{PORTAL}**", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(PORTAL)


def log_in_on_the_way(page: Page, account: Account) -> None:
    page.get_by_role("link", name="Sign in").or_(page.get_by_role("button", name="Sign in")).click()
    page.get_by_label("User name").fill(account.username)
    page.get_by_label("Password").fill(account.password)
    page.locator("#sign-in").click()


def expect_notebook(page: Page) -> None:
    """Wait for the link's notebook and its kernel; JupyterLab shows its address only after that."""
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=SLOW)
    tabs = page.locator("#jp-main-dock-panel .lm-TabBar-tab")
    expect(tabs.filter(has_text="analysis.ipynb")).to_be_visible()


def test_a_link_leads_through_the_login_into_the_notebook_and_again_into_the_same_server(
    make_local_site, make_page, tmp_path
):
    site = make_site(make_local_site, tmp_path / "keys")
    query = signed(dataset="climate", run="42", **{"param.threshold": "0.05"})
    link = f"{site.hub.url}/hub/gateway/open?{query}"
    portal = f'<a href="{link}">Open in Jupyter</a>'
    page = make_page()
    show_portal(page, portal)
    page.get_by_role("link", name="Open in Jupyter").click()
    log_in_on_the_way(page, site.provider.accounts["grace"])

    expect(page.get_by_role("heading", name="Open this notebook in Jupyter?")).to_be_visible()
    for text in (NAME, NOTEBOOK, "climate, 300 MB", "42", "threshold", "Large, 1 GB"):
        expect(page.locator(".gateway-open")).to_contain_text(text)
    assert site.hub.api("GET", "/users/grace").json()["servers"] == {}

    page.get_by_role("button", name="Start and open").click()
    expect_notebook(page)
    told = "42 climate {'threshold': '0.05'} Example Gateway"
    assert run_cell(page, READ_LINK) == told
    assert run_cell(page, READ_LIMIT) == str(1024**3)
    ((name, server),) = site.hub.api("GET", "/users/grace").json()["servers"].items()
    assert server["user_options"] == {"profile": "large"}

    show_portal(page, portal)
    page.get_by_role("link", name="Open in Jupyter").click()
    page.get_by_role("button", name="Open", exact=True).click()
    expect_notebook(page)
    assert urlsplit(page.url).path.startswith(f"/user/grace/{name}/lab/")
    assert list(site.hub.api("GET", "/users/grace").json()["servers"]) == [name]


def test_a_notebook_that_is_not_there_is_told_in_jupyterlab(make_local_site, make_page, tmp_path):
    site = make_site(make_local_site, tmp_path / "keys")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    page.goto(f"{site.hub.url}/hub/gateway/open?{signed(notebook='work/missing.ipynb')}")
    page.get_by_role("button", name="Start and open").click()
    expect(page.locator("#jp-top-panel")).to_be_visible(timeout=SLOW)
    sentence = "Could not find path: work/missing.ipynb"
    expect(page.locator(".jp-Dialog")).to_contain_text(sentence, timeout=SLOW)


def test_a_page_elsewhere_neither_clicks_nor_shows_the_page_in_itself(
    make_local_site, make_page, tmp_path
):
    site = make_site(make_local_site, tmp_path / "keys")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    # The hub has led on to its own page: the login is done.
    expect(page.locator(".gateway-profile").first).to_be_visible()
    link = f"{site.hub.url}/hub/gateway/open?{signed()}"
    show_portal(page, f'<iframe src="{link}"></iframe><p>portal</p>')
    expect(page.get_by_text("portal")).to_be_visible()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("button", name="Start and open")).to_have_count(0)
    form = f'<form method="post" action="{link}"></form><script>document.forms[0].submit()</script>'
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        show_portal(page, form)
    # The browser keeps the login to itself, so that the hub asks for it, or misses its own token.
    assert sent.value.status in (302, 403)
    assert site.hub.api("GET", "/users/ada").json()["servers"] == {}

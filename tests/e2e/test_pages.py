"""The hub's pages around a start, as a person sees them in the browser."""

import time
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.e2e.lab import SLOW, sign_in, start_server, wait_until
from tests.e2e.sites import Site

# A start that fails after a while, and a hub that takes its time to tidy up after it.
FAILING = """
import asyncio
from pathlib import Path

from jhub_gateway.error_pages import make_error_page

async def fail(spawner):
    await asyncio.sleep(3)
    raise make_error_page(403, "The coffee is out. Try again after lunch.")

async def tidy_up(spawner):
    Path("tidying-up").touch()
    await asyncio.sleep(3)

c.Spawner.pre_spawn_hook = fail
c.Spawner.post_stop_hook = tidy_up
"""


def hold_until(page: Page, mark: Path) -> None:
    """Hold the page's stream of events back until the file ``mark`` is there."""

    def forward(route: Route) -> None:
        wait_until(mark.exists)
        # As much later as the hub needs to begin.
        time.sleep(0.5)
        route.continue_()

    page.route("**/server/progress*", forward, times=1)


def test_a_page_that_asks_while_the_hub_tidies_up_shows_the_failure(make_local_site, make_page):
    site: Site = make_local_site(FAILING)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    hold_until(page, site.hub.directory / "tidying-up")
    page.get_by_text("Small", exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#progress-bar")).to_be_attached()
    expect(page.locator("body")).to_contain_text("The coffee is out.")
    assert "400 GET /hub/api/users/ada/server/progress" in site.hub.log


SLOW_START = """
import asyncio

async def dawdle(spawner):
    await asyncio.sleep(60)

c.Spawner.pre_spawn_hook = dawdle
"""


def test_a_start_can_be_cancelled_on_the_page_that_waits(make_local_site, make_page):
    site: Site = make_local_site(SLOW_START)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    page.get_by_text("Small", exact=True).click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="Starting your server")).to_be_visible()
    page.get_by_role("button", name="Cancel the start").click()
    page.wait_for_url("**/hub/home")
    wait_until(lambda: not site.hub.api("GET", "/users/ada").json()["servers"])


def test_a_restart_takes_the_owners_click_and_nothing_less(make_local_site, make_page):
    site: Site = make_local_site()
    page, other = make_page(), make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    restart = f"{site.hub.url}/hub/gateway/restart/grace?profile=large"

    def read_profile() -> str:
        server = site.hub.api("GET", "/users/grace").json()["servers"][""]
        assert server["ready"]
        return server["user_options"]["profile"]

    sign_in(other, site.hub, site.provider.accounts["ada"])
    expect(other.locator(".gateway-profile").first).to_be_visible()
    assert other.goto(restart).status == 404
    # As a page elsewhere could: a link, and a form without the hub's own token.
    assert page.goto(restart).status == 200
    assert page.request.post(restart).status == 403
    assert read_profile() == "small"

    page.get_by_role("button", name="Restart with 1 GB").click()
    expect(page.locator("#jp-top-panel")).to_be_visible(timeout=SLOW)
    assert read_profile() == "large"


def test_how_a_server_ended_is_said_where_its_user_comes_next(
    make_cluster_site, node_namespace, make_page
):
    site: Site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    lab = page.url
    (pod,) = node_namespace.pods()
    node_namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=1")
    wait_until(lambda: not site.hub.api("GET", "/users/ada").json()["servers"], 90)
    for place in (lab, f"{site.hub.url}/hub/home", f"{site.hub.url}/hub/spawn/ada"):
        page.goto(place)
        expect(page.locator(".gateway-end")).to_contain_text("removed from the cluster")
    # Told until the next start.
    start_server(page, "Small")
    site.hub.stop_server("ada")
    page.goto(f"{site.hub.url}/hub/home")
    expect(page.get_by_role("button", name="Start My Server")).to_be_visible()
    expect(page.locator(".gateway-end")).to_have_count(0)

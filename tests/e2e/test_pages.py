"""The hub's pages around a start, as a person sees them in the browser."""

import time
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.e2e.lab import sign_in, wait_until
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

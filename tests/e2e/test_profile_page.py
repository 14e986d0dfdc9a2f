"""The hub's pages for everybody: by keyboard, read aloud, on a phone, in the dark, without scripts.

axe-core looks at each page in light and dark, on a desktop and on a phone.
`make screenshots` has the documentation's pictures of the same pages.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from jhub_gateway.storage.usage import measure_share
from tests.e2e.lab import sign_in, wait_until
from tests.e2e.sites import Site
from tests.fixtures.local_site import SMALL_SERVER

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PICTURES = os.environ.get("JHUB_GATEWAY_SCREENSHOTS")
# JupyterHub's own: an orange button with white letters, and what it puts around each page: a logo
# and an announcement that are in no landmark.
_JUPYTERHUBS = [[".btn-jupyter"], ["#jupyterhub-logo"], [".announcement"], ["#login_widget"]]

# A gateway whose room is as in the picture, and whose servers are small programs. Grace waits.
SETTINGS = """
import asyncio, sys
from jhub_gateway.local import LocalGatewaySpawner
from jhub_gateway.policy.capacity import Capacity
from jhub_gateway.start_times import recent_node_starts, recent_starts
from pathlib import Path

class Shown(LocalGatewaySpawner):
    def find_capacities(self):
        mark = Path("full")
        small = Capacity("full", ahead=3) if mark.exists() else Capacity("free", 12)
        return {
            "small": small,
            "medium": Capacity("new-node"),
            "large": Capacity("full", ahead=3),
            "gpu": Capacity("never"),
        }

for seconds in (17, 21, 30):
    recent_starts.add("small", seconds)
recent_node_starts.add("medium", 288)

async def dawdle(spawner):
    if spawner.user.name == "grace":
        await asyncio.sleep(120)

c.JupyterHub.spawner_class = Shown
c.Spawner.pre_spawn_hook = dawdle
c.LocalGatewaySpawner.cmd = [sys.executable, "-c", SMALL_SERVER]
c.LocalGatewaySpawner.cull = {"warn_before": 1}
c.LocalGatewaySpawner.home_quota = "20G"
c.LocalGatewaySpawner.datasets = [
    {"name": "genes", "description": "Reference genomes of 40 species.", "size": "120G"}
]
c.LocalGatewaySpawner.memory_profiles = [
    {
        "slug": "small",
        "display_name": "Small",
        "description": "Tutorials, text and tables of some thousand rows.",
        "memory": "2G",
        "cpu": 1,
    },
    {
        "slug": "medium",
        "display_name": "Medium",
        "description": "Tables of some million rows, images and maps.",
        "memory": "8G",
        "cpu": 2,
    },
    {
        "slug": "large",
        "display_name": "Large",
        "description": "Whole data sets in memory.",
        "memory": "64G",
        "cpu": 8,
        "cull": {"idle_after": 3600},
    },
    {
        "slug": "gpu",
        "display_name": "GPU",
        "description": "Training of models.",
        "memory": "32G",
        "cpu": 4,
        "cull": {"idle_after": 3600},
    },
]
""".replace("SMALL_SERVER", repr(SMALL_SERVER))


@pytest.fixture
def site(make_local_site) -> Site:
    """A gateway with sizes, data and a culler that has just looked."""
    site: Site = make_local_site(SETTINGS)
    (site.share / "datasets/genes").mkdir(parents=True)
    tell_culler(site)
    return site


def tell_culler(site: Site, *warn: dict[str, Any]) -> None:
    """Tell the hub what a culler tells it after a look."""
    body = {"warn": warn, "clear": [], "pass": {"servers": 0, "unknown": 0, "seconds": 0.1}}
    site.hub.api("POST", "/gateway/notices", json=body).raise_for_status()


@contextmanager
def in_each_look(page: Page) -> Iterator[Any]:
    """Give what goes over the four looks of a page."""

    def go_over() -> Iterator[str]:
        for width, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
                yield f"{width} {scheme}"

    yield go_over()
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light")


def expect_accessible(page: Page) -> None:
    """Expect that axe-core finds nothing in any look, and that nothing is wider than the page."""
    with in_each_look(page) as looks:
        for look in looks:
            # Colours change by and by.
            page.wait_for_timeout(300)
            found = Axe().run(page, context={"exclude": _JUPYTERHUBS})
            assert found.violations_count == 0, f"{page.url} {look}: {found.generate_report()}"
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), f"{page.url} {look} is too wide"


def take_picture(page: Page, name: str) -> None:
    """Keep what is in sight of the page, if somebody wants to have it."""
    if PICTURES:
        path = Path(PICTURES, f"{name}.png")
        page.screenshot(path=path, animations="disabled")


def start(site: Site, name: str, profile: str = "small") -> None:
    site.hub.api("POST", f"/users/{name}/server", json={"profile": profile}).raise_for_status()
    site.hub.wait_for_server(name)


def read_run(site: Site) -> str:
    """The run of the one server that there is."""
    [server] = site.hub.api("GET", "/gateway/servers").json()["servers"]
    return server["run"]


def test_what_is_wrong_is_found(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.locator(".gateway-profile").first).to_be_visible()
    pale = "one => { one.style.color = '#ccc'; one.style.background = '#fff'; }"
    page.locator(".gateway-profile-stops").first.evaluate(pale)
    with pytest.raises(AssertionError, match="color-contrast"):
        expect_accessible(page)


def test_the_profile_page_is_for_everybody(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.get_by_text("Ready in about 20 s")).to_be_visible()
    expect(page.get_by_text("A new node is needed: about 5 min")).to_be_visible()
    expect(page.get_by_text("No room now: 3 ahead of you")).to_be_visible()
    expect(page.get_by_text("Stops after 1 hour without use").first).to_be_visible()
    expect_accessible(page)
    # Its home is measured, and what was chosen last is chosen.
    start(site, "ada", "medium")
    (site.share / "homes").joinpath(os.listdir(site.share / "homes")[0], "x").write_bytes(
        b"x" * 2**22
    )
    site.hub.stop_server("ada")
    measure_share(site.share, 0)
    page.goto(f"{site.hub.url}/hub/spawn/ada")
    expect(page.get_by_role("radio", name="Medium 8 GB")).to_be_checked()
    expect(page.locator("#gateway-home")).to_contain_text("of 20 GB")
    expect_accessible(page)
    with in_each_look(page) as looks:
        for look in looks:
            take_picture(page, f"profile-page-{look.replace(' ', '-')}")


def test_a_size_is_chosen_and_started_by_the_keyboard_alone(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    small = page.get_by_role("radio", name="Small 2 GB, 1 CPU")
    expect(small).to_be_checked()
    for _ in range(20):
        if small.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(small).to_be_focused()
    expect(small).to_have_accessible_description(
        "Tutorials, text and tables of some thousand rows. "
        "Ready in about 20 s Stops after 3 hours without use"
    )
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Medium 8 GB, 2 CPUs")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Start")).to_be_focused()
    page.keyboard.press("Enter")
    site.hub.wait_for_server("ada")
    server = site.hub.api("GET", "/users/ada").json()["servers"][""]
    assert server["user_options"]["profile"] == "medium"


def test_an_open_page_hears_of_room_that_goes_and_tells_of_the_chosen_size(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    room = page.locator('.gateway-room[data-profile="small"]')
    expect(room).to_have_text("Ready in about 20 s")
    (site.hub.directory / "full").touch()
    expect(room).to_have_text("No room now: 3 ahead of you")
    expect(room).to_have_attribute("data-state", "full")
    expect(page.get_by_role("status")).to_have_text("No room now: 3 ahead of you")
    page.get_by_role("radio", name="Medium").check()
    (site.hub.directory / "full").unlink()
    expect(room).to_have_text("Ready in about 20 s")
    expect(page.get_by_role("status")).to_have_text("No room now: 3 ahead of you")
    # What the hub answers again and again is not written into its log.
    assert site.hub.log.count("200 GET /hub/gateway/capacity/ada") <= 4


def test_the_page_works_without_scripts(site, make_page):
    page, plain = make_page(), make_page(java_script_enabled=False)
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.locator(".gateway-profile").first).to_be_visible()
    plain.context.add_cookies(page.context.cookies())
    plain.goto(f"{site.hub.url}/hub/spawn/ada")
    expect(plain.get_by_text("Ready in about 20 s")).to_be_visible()
    expect(plain.get_by_text("requires JavaScript")).to_be_hidden()
    plain.get_by_role("radio", name="Large").check()
    plain.get_by_role("button", name="Start").click()
    # It leads on by itself, also from the page that waits.
    plain.wait_for_url("**/user/ada/**")
    server = site.hub.api("GET", "/users/ada").json()["servers"][""]
    assert server["user_options"]["profile"] == "large"


def test_the_page_that_waits_is_for_everybody(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    page.get_by_role("radio", name="Small").check()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="Starting your server")).to_be_visible()
    expect_accessible(page)
    page.locator("#progress-details summary").click()
    expect_accessible(page)


def test_the_pages_of_a_server_that_runs_are_for_everybody(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.locator(".gateway-profile").first).to_be_visible()
    start(site, "ada")
    page.goto(f"{site.hub.url}/hub/gateway/restart/ada?profile=medium")
    expect(page.get_by_role("button", name="Restart with 8 GB")).to_be_visible()
    expect_accessible(page)

    home = f"{site.hub.url}/hub/home"
    name = {"user": "ada", "server": ""}
    tell_culler(site, {**name, "run": read_run(site), "seconds": 600, "cause": "idle"})
    page.goto(home)
    expect(page.locator(".gateway-stop")).to_contain_text("because nobody has used it")
    expect_accessible(page)
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(".gateway-stop")).to_contain_text("is kept until")
    expect_accessible(page)
    text = {"text": "The gateway is upgraded on Sunday."}
    site.hub.api("PUT", "/gateway/announcement", json=text).raise_for_status()
    page.goto(home)
    expect(page.locator(".announcement")).to_contain_text("upgraded on Sunday")
    expect_accessible(page)
    for place in ("spawn/ada/second", "gateway/restart/ada?profile=medium"):
        page.goto(f"{site.hub.url}/hub/{place}")
        expect(page.locator(".announcement")).to_be_visible()
        expect_accessible(page)


def test_the_pages_of_a_server_that_has_ended_are_for_everybody(site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.locator(".gateway-profile").first).to_be_visible()
    start(site, "ada")
    name, run = {"user": "ada", "server": ""}, read_run(site)
    tell_culler(site, {**name, "run": run, "seconds": 1, "cause": "idle"})
    order = {**name, "run": run, "cause": "idle", "granted": 0}

    def stop() -> bool:
        return site.hub.api("POST", "/gateway/stops", json=order).status_code == 202

    wait_until(stop)
    wait_until(lambda: not site.hub.api("GET", "/users/ada").json()["servers"])
    for place in ("home", "spawn/ada", "user/ada"):
        page.goto(f"{site.hub.url}/hub/{place}")
        expect(page.locator(".gateway-end")).to_contain_text("nobody had used it")
        expect_accessible(page)

"""Hours of memory on the page, and what real servers used of theirs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from jhub_gateway.local.cgroup_tree import find_cgroup_tree
from tests.e2e.lab import read_profiles, sign_in, start_server, wait_until
from tests.e2e.sites import Site

PICTURES = os.environ.get("JHUB_GATEWAY_SCREENSHOTS")
ALL = "SELECT * FROM jhub_gateway_memory"
# The first run once more, as of earlier hours.
EARLIER = """
INSERT INTO jhub_gateway_memory
SELECT ?, account, username, owner, profile, memory, began - 3600, until - 100, 1288490188
FROM jhub_gateway_memory WHERE run_id NOT LIKE 'earlier%'
"""
# A second of a server is more than the group has.
SETTINGS = """
c.{spawner}.group_memory_hours = [
    {"group": "/gateway/large-memory", "hours": 0.0002, "days": 7},
    {"hours": 1500},
]
"""


def read_rows(site: Site, query: str = ALL, *values: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(site.hub.directory / "hub.sqlite")) as database, database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query, values).fetchall()]


def stop_server(site: Site, user: str) -> None:
    site.hub.stop_server(user)
    wait_until(lambda: not site.hub.api("GET", f"/users/{user}").json()["servers"])


def take_picture(page: Page, name: str) -> None:
    if not PICTURES:
        return
    for kind, width, scheme in (("desktop", 1280, "light"), ("phone", 390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.evaluate("s => document.documentElement.setAttribute('data-bs-theme', s)", scheme)
        page.screenshot(path=Path(PICTURES, f"{name}-{kind}.png"), full_page=True)


def test_a_group_sees_its_hours_and_when_they_are_used_up_the_smallest_alone(
    make_local_site, make_page
) -> None:
    site: Site = make_local_site(SETTINGS)
    [member, *_] = [
        one for one in site.provider.accounts.values() if "/gateway/large-memory" in one.groups
    ]
    page = make_page()
    sign_in(page, site.hub, member)
    assert read_profiles(page) == ["Small", "Large"]
    expect(page.locator(".gateway-budget")).to_contain_text("0 of 0.0002 GB-hours")
    start_server(page, "Small")
    stop_server(site, member.username)
    [row] = read_rows(site)
    assert row["until"] > row["began"]
    # Where the server's memory is limited for all of its processes together it is measured.
    assert (row["peak"] is not None) == (find_cgroup_tree() is not None)
    page.goto(f"{site.hub.url}/hub/spawn")
    expect(page.get_by_role("alert")).to_contain_text("/gateway/large-memory are used up")
    assert read_profiles(page) == ["Small"]
    expect(page.get_by_role("radio", name="Small")).to_be_checked()
    take_picture(page, "budget-used-up")
    start_server(page, "Small")


def test_the_page_names_the_size_that_would_do(make_local_site, make_page) -> None:
    sizes = """
c.{spawner}.memory_profiles = [
    {"slug": "small", "display_name": "Small", "memory": "2G", "cpu": 1,
     "description": "Reading and small tables."},
    {"slug": "large", "display_name": "Large", "memory": "16G", "cpu": 4,
     "description": "Whole genomes."},
]
"""
    site: Site = make_local_site(SETTINGS + sizes)
    [other, *_] = [
        one
        for one in site.provider.accounts.values()
        if "/gateway/users" in one.groups and "/gateway/large-memory" not in one.groups
    ]
    page = make_page()
    sign_in(page, site.hub, other)
    start_server(page, "Large")
    stop_server(site, other.username)
    for number in range(3):
        read_rows(site, EARLIER, f"earlier-{number}")
    read_rows(site, "UPDATE jhub_gateway_memory SET peak = 1200000000 WHERE peak IS NULL")
    page.goto(f"{site.hub.url}/hub/spawn")
    expect(page.locator("#gateway-feedback")).to_contain_text("You used at most 1.2 GB of 16 GB")
    expect(page.locator("#gateway-feedback")).to_contain_text("Small (2 GB) is enough for that")
    expect(page.locator(".gateway-budget")).to_contain_text("of 1,500 GB-hours")
    take_picture(page, "feedback")

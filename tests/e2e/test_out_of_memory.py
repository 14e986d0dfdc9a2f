"""A server that runs out of memory: its user learns it, and gets a larger one with one click."""

from playwright.sync_api import Page, expect

from jhub_gateway.policy.quantities import parse_memory
from tests.e2e.lab import (
    SLOW,
    open_notebook,
    run_cell,
    sign_in,
    start_server,
    type_cell,
    wait_until,
)
from tests.e2e.sites import LARGE, READ_LIMIT, Site

NOTICE = ".Toastify__toast"
# Touched page by page: what is only asked for takes no memory.
TAKE_ALL = "hoard = [b'x' * 2**20 for _ in range(4096)]"
# All of the server is killed, as cgroup v2 does it, when memory has been short for a while.
KILL_SERVER = """
import os, signal, time
from jhub_gateway.notebook.memory_group import find_memory_group
group = find_memory_group(int(os.environ["MEM_LIMIT"]))
held = []
while group.measure() < 0.87 * group.limit:
    held.append(b"x" * 2**20)
time.sleep(8)
os.kill(os.getppid(), signal.SIGKILL)
"""


def run_out_of_memory(page: Page) -> None:
    """Run a cell that takes more memory than the server has."""
    type_cell(page, TAKE_ALL)
    # JupyterLab's own word on it, which has no reason.
    died = page.locator(".jp-Dialog", has_text="Kernel Restarting")
    expect(died).to_be_visible(timeout=SLOW)
    died.get_by_role("button", name="Ok").click()


def test_a_kernel_that_was_killed_is_explained_and_a_click_leads_to_a_larger_server(
    make_cluster_site, make_page
):
    site: Site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    open_notebook(page)
    run_out_of_memory(page)
    notice = page.locator(NOTICE, has_text="ran out of its 512 MB of memory")
    expect(notice).to_be_visible(timeout=SLOW)

    with page.expect_popup() as opened:
        notice.get_by_role("button", name="Restart with 1 GB").click()
    larger = opened.value
    expect(larger.locator("body")).to_contain_text("Save your notebooks first.")
    assert site.hub.api("GET", "/users/grace").json()["servers"][""]["ready"]
    larger.get_by_role("button", name="Restart with 1 GB").click()
    expect(larger.locator("#jp-top-panel")).to_be_visible(timeout=SLOW)
    open_notebook(larger)
    assert int(run_cell(larger, READ_LIMIT)) == parse_memory(LARGE)


def test_who_may_have_nothing_larger_is_told_all_the_same(make_cluster_site, make_page):
    site: Site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_notebook(page)
    run_out_of_memory(page)
    notice = page.locator(NOTICE, has_text="ran out of its 512 MB of memory")
    expect(notice).to_be_visible(timeout=SLOW)
    expect(notice.get_by_role("button", name="Restart")).to_have_count(0)
    # Nor by its address.
    page.goto(f"{site.hub.url}/hub/gateway/restart/ada?profile=large")
    expect(page.locator("body")).to_contain_text("is not open to you")


def test_a_server_that_was_killed_and_came_back_says_so(
    make_cluster_site, node_namespace, make_page
):
    site: Site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    lab = page.url
    open_notebook(page)
    type_cell(page, KILL_SERVER)

    def has_come_back() -> bool:
        (pod,) = node_namespace.pods()
        (status,) = pod["status"]["containerStatuses"]
        return status["restartCount"] == 1 and "running" in status["state"]

    wait_until(has_come_back, 120)
    # The hub took it for no end.
    assert site.hub.api("GET", "/users/grace").json()["servers"][""]["ready"]
    wait_until(lambda: page.goto(lab).ok, 60)
    notice = page.locator(NOTICE, has_text="Your server was restarted at")
    expect(notice).to_be_visible(timeout=SLOW)
    expect(notice).to_contain_text("most likely because it ran out of its 512 MB of memory")
    expect(notice.get_by_role("button", name="Restart with 1 GB")).to_be_visible()

"""What users find on the share: their home, their groups' folders, datasets, tutorials."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.storage.usage import measure_share
from tests.cluster.storage import OWNER
from tests.e2e.lab import open_notebook, run_cell, sign_in, start_server, wait_until
from tests.e2e.sites import Site
from tests.fixtures.hub import Hub
from tests.fixtures.identity_provider import IdentityProvider

DATA = """
c.{spawner}.group_folders = [
    {"group": "/gateway/users", "folder": "everybody"},
    {"group": "/gateway/large-memory", "folder": "genes", "access": "read-write"},
    {"group": "admins", "folder": "admins", "access": "read-write"},
    {"group": "../../homes", "access": "read-write"},
]
c.{spawner}.datasets = [
    {"name": "survey", "description": "All stars that we know"},
    {"name": "closed", "allowed_groups": ["/gateway/admins"]},
]
c.{spawner}.tutorials = [{"name": "first-1"}]
"""
STRANGE = "../../homes"
# Any file of that name that a kernel can read, wherever it looks.
FIND = """
import os
print(sorted(
    os.path.join(where, name)
    for where, _, names in os.walk("/", onerror=lambda _: None)
    if not where.startswith(("/proc", "/sys"))
    for name in names if name == {name!r}
))
"""
TRY_TO_WRITE = """
def attempt(path, mode="w"):
    try:
        open(path, mode).write("x")
    except OSError as error:
        return type(error).__name__ + ": " + error.strerror
    return "written"
print(attempt({path!r}))
"""


def put(path: Path, text: str) -> None:
    """Put a file on the share as the operator does: readable and writable for user pods' uid."""
    made = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for place in (path, *made):
        place.chmod(0o777 if place.is_dir() else 0o666)
        if os.geteuid() == 0:
            os.chown(place, OWNER, OWNER)


@pytest.fixture
def identity_provider(make_identity_provider) -> IdentityProvider:
    """A provider whose accounts the test may change."""
    return make_identity_provider()


def test_each_user_sees_their_own_and_nothing_else(make_cluster_site, make_page):
    site: Site = make_cluster_site(DATA)
    grace, ada = site.provider.accounts["grace"], site.provider.accounts["ada"]
    site.provider.set_groups("ada", ["/gateway/users", "/x/admins", STRANGE])
    put(site.share / "datasets/survey/stars.csv", "name,mass\n")
    put(site.share / "datasets/closed/closed.csv", "secret\n")
    put(site.share / "tutorials/first-1/read-me.md", "# First\n")
    put(site.share / "groups/everybody/news.txt", "hello\n")
    measure_share(site.share, 0)

    page = make_page()
    sign_in(page, site.hub, grace)
    data = page.locator(".gateway-data")
    expect(data).to_contain_text("gateway/groups/genes")
    expect(data).to_contain_text("read and write")
    expect(data).to_contain_text("All stars that we know")
    expect(data).to_contain_text(re.compile(r"\d KB, read only"))
    expect(data).not_to_contain_text("closed")
    start_server(page, "Small")
    # The file browser shows the way to the data, and the tutorial.
    for name in ("gateway", "tutorials"):
        expect(page.locator(".jp-DirListing-content").get_by_text(name)).to_be_visible()
    open_notebook(page)
    write = "open('/home/jovyan/gateway/groups/genes/note.txt', 'w').write('from grace')"
    assert run_cell(page, f"print({write})") == "10"
    assert run_cell(page, "print(open('tutorials/first-1/read-me.md').read())") == "# First"
    assert run_cell(page, "print(open('gateway/datasets/survey/stars.csv').read())") == "name,mass"
    listing = "import os; print(sorted(os.listdir('/gateway/{}')))"
    assert run_cell(page, listing.format("groups")) == "['everybody', 'genes']"
    assert run_cell(page, listing.format("datasets")) == "['survey']"
    for place in ("datasets/survey/stars.csv", "datasets/survey/new", "groups/everybody/news.txt"):
        answer = run_cell(page, TRY_TO_WRITE.format(path=f"/gateway/{place}"))
        assert answer == "OSError: Read-only file system"

    other = make_page()
    sign_in(other, site.hub, ada)
    expect(other.locator(".gateway-data")).not_to_contain_text("genes")
    start_server(other, "Small")
    open_notebook(other)
    run_cell(other, "print(open('adas-secret.txt', 'w').write('mine'))")
    names = str(sorted(["everybody", make_directory_name(STRANGE)]))
    assert run_cell(other, listing.format("groups")) == names
    assert run_cell(other, FIND.format(name="note.txt")) == "[]"
    assert run_cell(other, FIND.format(name="closed.csv")) == "[]"

    # Grace looks for ada's file: everywhere, and by links out of her home and of the group's.
    find_secret = FIND.format(name="adas-secret.txt")
    assert run_cell(other, find_secret) == "['/home/jovyan/adas-secret.txt']"
    assert run_cell(page, find_secret) == "[]"
    (adas,) = {path.parent for path in (site.share / "homes").glob("*/adas-secret.txt")}
    links = f"""
for place, link in (("/home/jovyan", "a"), ("/gateway/groups/genes", "b")):
    for target in ("../{adas.name}", "../homes/{adas.name}", "/gateway-share/homes/{adas.name}"):
        os.symlink(target, os.path.join(place, link + str(len(target))))
print([name for name in os.listdir(".") if os.path.exists(name + "/adas-secret.txt")])
"""
    assert run_cell(page, links) == "[]"
    site.hub.stop_server("grace")
    # A link that leads somewhere on the share is still only a link to the next server.
    page.goto(f"{site.hub.url}/hub/spawn")
    start_server(page, "Small")
    open_notebook(page)
    assert run_cell(page, find_secret) == "[]"
    assert run_cell(page, "print(open('gateway/groups/genes/note.txt').read())") == "from grace"
    assert (site.share / "groups/genes").stat().st_mode & 0o7777 == 0o2770


def test_one_machine_shows_the_same_layout(make_local_site, make_page):
    site: Site = make_local_site(DATA)
    put(site.share / "datasets/survey/stars.csv", "name,mass\n")
    put(site.share / "tutorials/first-1/read-me.md", "# First\n")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    open_notebook(page)
    assert run_cell(page, "print(open('gateway/groups/genes/n', 'w').write('ab'))") == "2"
    assert run_cell(page, "print(open('tutorials/first-1/read-me.md').read())") == "# First"
    assert run_cell(page, "print(open('gateway/datasets/survey/stars.csv').read())") == "name,mass"
    listing = "import os; print(sorted(os.listdir('gateway/groups')))"
    assert run_cell(page, listing) == "['everybody', 'genes']"
    assert (site.share / "groups/genes/n").read_text() == "ab"


def leave_group(site: Site, make_page) -> None:
    """Grace leaves the group of the genes, and the hub hears of it at her next login."""
    site.provider.set_groups("grace", ["/gateway/users"])
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    # Not JupyterLab itself: the hub may stop it as soon as it hears.
    wait_until(lambda: site.hub.api("GET", "/users/grace").json()["groups"] == ["/gateway/users"])


def test_a_server_with_the_folder_of_a_group_that_was_left_is_listed(make_cluster_site, make_page):
    site: Site = make_cluster_site(DATA + "c.GatewaySpawner.poll_interval = 2\n")
    put(site.share / "datasets/survey/stars.csv", "name,mass\n")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    assert list_stale_mounts(site.hub) == "no server has a folder of a group that its owner left\n"
    leave_group(site, make_page)
    assert list_stale_mounts(site.hub) == (
        "/user/grace/ has genes (read and write), and grace is not in /gateway/large-memory any "
        "more\n"
    )
    wait_for_log(site.hub, "has folders that its owner lost: genes (group /gateway/large-memory)")
    assert site.hub.api("GET", "/users/grace").json()["servers"]


def test_a_server_with_the_folder_of_a_group_that_was_left_may_be_stopped(
    make_local_site, make_page
):
    settings = "c.{spawner}.poll_interval = 2\nc.{spawner}.stop_on_group_removal = True\n"
    site: Site = make_local_site(DATA + settings)
    put(site.share / "datasets/survey/stars.csv", "name,mass\n")
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["grace"])
    start_server(page, "Small")
    leave_group(site, make_page)
    wait_for_log(site.hub, "it is stopped")
    deadline = time.monotonic() + 30
    while site.hub.api("GET", "/users/grace").json()["servers"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    page.goto(f"{site.hub.url}/hub/spawn/grace")
    start_server(page, "Small")
    open_notebook(page)
    listing = "import os; print(sorted(os.listdir('gateway/groups')))"
    assert run_cell(page, listing) == "['everybody']"


def list_stale_mounts(hub: Hub) -> str:
    """What the command says."""
    return subprocess.run(
        [sys.executable, "-m", "jhub_gateway", "storage", "stale-mounts"],
        env={
            **os.environ,
            "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
            "JUPYTERHUB_API_TOKEN": hub.token,
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def wait_for_log(hub: Hub, text: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while text not in hub.log:
        assert time.monotonic() < deadline, hub.tail()
        time.sleep(0.3)

"""What goes wrong with storage, as a user sees it: nothing is lost, and each has its sentence."""

import json
import os
import re
import secrets
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from jhub_gateway.storage.usage import measure_share
from tests.cluster.storage import OWNER
from tests.e2e.lab import (
    SLOW,
    delete_file,
    expect_refusal,
    open_notebook,
    run_cell,
    sign_in,
    start_server,
)
from tests.e2e.sites import Site
from tests.fixtures.tiers import cannot_run

# As Zero to JupyterHub has it: what is refused after a second is seen on the page that waits.
AT_ONCE = 'c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}\n'
STATUS = ".jp-jhubGateway-space"
NOTICE = ".Toastify__toast"


def find_home(site: Site) -> Path:
    """The one home of the share."""
    (home,) = (site.share / "homes").iterdir()
    return home


def make_work(site: Site, page: Page) -> Path:
    """Let ada start and stop a server; return her home, with a file that must not be lost."""
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    site.hub.stop_server("ada")
    home = find_home(site)
    (home / "work.txt").write_text("weeks of work")
    return home


def test_a_home_that_is_not_the_users_is_refused_and_nothing_in_it_changes(
    make_cluster_site, make_page
):
    site: Site = make_cluster_site(AT_ONCE)
    page = make_page()
    home = make_work(site, page)
    files = sorted(home.rglob("*"))
    record = site.share / "owners" / f"{home.name}.json"
    own = record.read_text()

    def try_to_start(sentence: str, cause: str) -> None:
        page.goto(f"{site.hub.url}/hub/spawn/ada")
        reference = expect_refusal(page, "Small", sentence)
        refusals = [line for line in site.hub.log.splitlines() if "Refused to start" in line]
        (line,) = (line for line in refusals if reference in line)
        assert cause in line
        assert "ada" in line
        assert sorted(home.rglob("*")) == files

    # Somebody else's mark, no mark, a home that is gone, a share that is another one.
    record.write_text(json.dumps({**json.loads(own), "subject": "somebody-else"}))
    try_to_start("belongs to somebody else", "somebody-else")
    record.unlink()
    try_to_start("no note whose it is", "storage")
    record.write_text(own)
    home.rename(site.share / "away")
    page.goto(f"{site.hub.url}/hub/spawn/ada")
    expect_refusal(page, "Small", "not given an empty one")
    assert not home.exists()
    (site.share / "away").rename(home)
    marker = site.share / "jhub-gateway.json"
    marker.rename(site.share / "marker")
    try_to_start("storage is not ready", "storage init")
    (site.share / "marker").rename(marker)
    if os.geteuid() == 0:
        os.chown(home, 0, 0)
        home.chmod(0o755)
        try_to_start("may not write to your home", "chown")
        os.chown(home, OWNER, OWNER)

    page.goto(f"{site.hub.url}/hub/spawn/ada")
    start_server(page, "Small")
    open_notebook(page)
    assert run_cell(page, "print(open('work.txt').read())") == "weeks of work"


def test_an_export_that_the_users_uid_cannot_write_names_the_fix(make_cluster_site, make_page):
    if os.geteuid() != 0:
        cannot_run("only root can give a directory to root")
    site: Site = make_cluster_site(AT_ONCE)
    for path in (site.share, *site.share.iterdir()):
        os.chown(path, 0, 0)
        path.chmod(0o755)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect_refusal(page, "Small", "storage is not ready")
    assert "chown 1000:1000 on the storage server" in site.hub.log
    assert "singleuser.fsGid" in site.hub.log


def test_a_user_who_was_renamed_keeps_their_home_and_a_recycled_name_gets_none(
    make_cluster_site, make_page
):
    site: Site = make_cluster_site(AT_ONCE)
    make_work(site, make_page())
    site.hub.stop()

    def sign_in_as(person: str, name: str):
        """Another hub on the same share, where the gateway calls that person ``name``."""
        renamed = f'c.GatewayAuthenticator.username_map = {{"{person}": "{name}"}}\n'
        later: Site = make_cluster_site(AT_ONCE + renamed)
        page = make_page()
        sign_in(page, later.hub, site.provider.accounts[person])
        return later.hub, page

    hub, page = sign_in_as("grace", "ada")
    expect_refusal(page, "Small", "it was made with another login than yours")
    hub.stop()
    hub, page = sign_in_as("ada", "countess")
    start_server(page, "Small")
    open_notebook(page)
    assert run_cell(page, "print(open('work.txt').read())") == "weeks of work"
    hub.stop_server("countess")
    hub.stop()
    # The name is free now, and leads to a home of grace's own.
    hub, page = sign_in_as("grace", "ada")
    start_server(page, "Small")
    assert len(list((site.share / "homes").iterdir())) == 2


WRITE_ON = """
import os, threading, time
def write():
    with open("log.txt", "w") as log:
        for number in range(10**9):
            log.write(f"line {number}\\n")
            log.flush()
            os.fsync(log.fileno())
threading.Thread(target=write, daemon=True).start()
time.sleep(1)
print("writing")
"""


def test_a_pod_that_is_killed_while_it_writes_loses_nothing_that_was_written(
    make_cluster_site, node_namespace, make_page
):
    site: Site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_notebook(page)
    assert run_cell(page, WRITE_ON) == "writing"
    log = find_home(site) / "log.txt"
    before = log.read_text().count("\n")
    (pod,) = node_namespace.pods()
    name = pod["metadata"]["name"]
    node_namespace.kubectl("delete", "pod", name, "--grace-period=0", "--force")
    deadline = time.monotonic() + 90
    while site.hub.api("GET", "/users/ada").json()["servers"] and time.monotonic() < deadline:
        time.sleep(1)
    page.goto(f"{site.hub.url}/hub/spawn/ada")
    start_server(page, "Small")
    open_notebook(page)
    lines = log.read_text().splitlines()
    assert len(lines) >= before > 0
    assert lines[:-1] == [f"line {number}" for number in range(len(lines) - 1)]


def test_a_hub_that_is_killed_during_a_start_leaves_one_home_and_no_stranger_in_it(
    make_cluster_site, node_namespace, make_page
):
    site: Site = make_cluster_site(AT_ONCE)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    page.get_by_text("Small", exact=True).click()
    page.get_by_role("button", name="Start").click()
    node_namespace.wait_for_pod()
    site.hub.kill()

    # With another key: what the hub can't read of ada's login it doesn't guess.
    site.hub.environment["JUPYTERHUB_CRYPT_KEY"] = secrets.token_hex(32)
    site.hub.restart()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    page.goto(f"{site.hub.url}/hub/spawn/ada")
    # The start went on: the same pod, and nothing to choose.
    expect(page.locator("#jp-top-panel")).to_be_visible(timeout=SLOW)
    open_notebook(page)
    assert run_cell(page, "print(open('mine.txt', 'w').write('data'))") == "4"
    assert (find_home(site) / "mine.txt").read_text() == "data"
    (record,) = (site.share / "owners").iterdir()
    assert json.loads(record.read_text())["name"] == "ada"
    assert len(node_namespace.pods()) == 1


FILL = """
try:
    with open("large.bin", "wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
except OSError as error:
    print(error.strerror)
"""


def test_a_share_that_is_filled_to_the_last_byte_still_opens_the_homes_on_it(
    small_share, make_cluster_site, make_page
):
    site: Site = make_cluster_site(AT_ONCE)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_notebook(page)
    run_cell(page, "print(open('work.txt', 'w').write('weeks of work'))")
    assert run_cell(page, FILL) == "No space left on device"
    home = find_home(site)
    site.hub.stop_server("ada")
    with (home / "rest").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x")
            except OSError:
                break

    # Somebody without a home can't get one.
    other = make_page()
    sign_in(other, site.hub, site.provider.accounts["grace"])
    expect_refusal(other, "Small", "The gateway's storage is full")
    assert len(list((site.share / "owners").iterdir())) == 1

    page.goto(f"{site.hub.url}/hub/spawn/ada")
    start_server(page, "Small")
    expect(page.locator(NOTICE).first).to_contain_text("storage is full")
    # What was open can't be opened again now; a new workspace can.
    page.goto(page.url.split("/lab")[0] + "/lab?reset")
    delete_file(page, "large.bin")
    open_notebook(page)
    assert run_cell(page, "print(open('work.txt').read())") == "weeks of work"


def test_a_home_over_its_quota_is_opened_to_be_tidied_up(make_site, make_page):
    site: Site = make_site('c.{spawner}.home_quota = "2M"\n')
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    expect(page.locator(".gateway-data")).to_have_count(0)
    start_server(page, "Small")
    open_notebook(page)
    write = "print(open('large.bin', 'wb').write(b'x' * 3 * 1024**2))"
    assert run_cell(page, write) == str(3 * 1024**2)
    site.hub.stop_server("ada")
    # What a home runs by itself, and what the last visit left open, stays closed in rescue mode.
    startup = find_home(site) / ".ipython/profile_default/startup/00-all.py"
    startup.parent.mkdir(parents=True, exist_ok=True)
    startup.write_text("open('/tmp/started-by-itself', 'w').close()\n")
    measure_share(site.share, 0)

    page.goto(f"{site.hub.url}/hub/spawn/ada")
    expect(page.get_by_role("alert")).to_contain_text("Your home is full")
    expect(page.locator("#gateway-home")).to_contain_text(re.compile(r"3(\.\d)? MB of 2 MB"))
    start_server(page, "Small")
    expect(page.locator(NOTICE).first).to_contain_text("over its quota")
    expect(page.locator(STATUS)).to_contain_text("of 2 MB")
    expect(page.locator(".jp-Notebook")).to_have_count(0)
    open_notebook(page)
    tidy = "import os; os.remove('large.bin'); print(os.path.exists('/tmp/started-by-itself'))"
    assert run_cell(page, tidy) == "False"
    site.hub.stop_server("ada")
    # The home is measured first, however young its figure is.
    measure_share(site.share, 10**6)

    page.goto(f"{site.hub.url}/hub/spawn/ada")
    expect(page.get_by_role("alert")).to_have_count(0)
    start_server(page, "Small")
    expect(page.locator(STATUS)).to_contain_text("of 2 MB")
    expect(page.locator(f"{STATUS}[data-state=fine]")).to_be_visible()
    assert list((site.share / "usage/homes").glob("*/rescue")) == []

"""The hub as a pod: its own image, this project's manifests, and the overlays' values."""

import yaml
from playwright.sync_api import Page, expect

from jhub_gateway.policy.quantities import parse_memory
from tests.e2e.lab import open_notebook, read_profiles, run_cell, sign_in, start_server, wait_until
from tests.e2e.sites import READ_LIMIT, SMALL
from tests.fixtures.installed_hub import InstalledHub

CONNECT = """
import socket
try:
    socket.create_connection(({host!r}, {port}), 3).close()
    print("connected")
except OSError:
    print("refused")
"""


def test_users_work_in_sized_pods_while_the_hub_is_rescheduled(make_installed_hub, make_page):
    hub = make_installed_hub()
    hub.apply()
    hub.wait()
    page, neighbour = make_page(ignore_https_errors=True), make_page(ignore_https_errors=True)
    for person, name in ((page, "grace"), (neighbour, "ada")):
        sign_in(person, hub, hub.provider.accounts[name])
        assert read_profiles(person) == ["Small", "Large"][: 2 if name == "grace" else 1]
        start_server(person, "Small")
    open_notebook(page)
    assert int(run_cell(page, READ_LIMIT)) == parse_memory(SMALL)
    expect_only_allowed_ways(hub, page)

    run_cell(page, "kept = 'in memory'; print(kept)")
    servers, before = list_uids(hub), hub.get_pod("hub")["metadata"]
    hub.space.kubectl("delete", "pod", before["name"], "--grace-period=0", "--force")
    wait_until(lambda: hub.get_pod("hub")["metadata"]["uid"] != before["uid"])
    hub.wait()
    assert run_cell(page, "print(kept)") == "in memory"
    for name in ("grace", "ada"):
        assert hub.api("GET", f"/users/{name}").json()["servers"][""]["ready"]
    # What shows room on the page is a component of its own, which this site has not.
    told = [line for line in hub.log.splitlines() if "may not" in line]
    assert not [line for line in told if "components/live-capacity" not in line]
    page.goto(f"{hub.url}/hub/home")
    expect(page.get_by_role("button", name="My Server", exact=True)).to_be_visible()
    assert list_uids(hub) == servers


def test_a_hub_that_lacks_a_right_says_which(make_installed_hub):
    hub = make_installed_hub()
    rule = 0  # on pods, of manifests/without-helm/hub-rbac.yaml
    verbs = ["get", "watch", "list", "create"]
    patch = [{"op": "replace", "path": f"/rules/{rule}/verbs", "value": verbs}]
    target = {"kind": "Role", "name": "hub"}
    hub.folder.more_patches.append({"target": target, "patch": yaml.safe_dump(patch)})
    hub.apply()
    wait_until(lambda: "The hub cannot start: the hub may not delete pods" in hub.log)


def expect_only_allowed_ways(hub: InstalledHub, page: Page) -> None:
    """Users' code reaches the hub, and neither the proxy's API nor a neighbour's server."""
    pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in hub.space.pods()}
    [neighbour] = (address for name, address in pods.items() if "ada" in name)
    for host, port, answer in (
        ("hub", 8081, "connected"),
        ("proxy-api", 8001, "refused"),
        (neighbour, 8888, "refused"),
    ):
        assert run_cell(page, CONNECT.format(host=host, port=port)) == answer, host


def list_uids(hub: InstalledHub) -> set[str]:
    """What tells the users' pods from others of the same names."""
    return {pod["metadata"]["uid"] for pod in hub.space.pods()}

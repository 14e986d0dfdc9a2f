"""From the release before this one to this one, while users' notebooks run."""

import os
import subprocess
import sys
from copy import deepcopy

from playwright.sync_api import expect

from jhub_gateway import __version__
from tests.cluster.cluster import load_images
from tests.cluster.versions import HUB_IMAGE
from tests.e2e.lab import open_notebook, run_cell, sign_in, start_server
from tests.e2e.test_installed_hub import list_uids
from tests.fixtures.installed_hub import InstalledHub
from tests.fixtures.previous_release import (
    IMAGE,
    VERSION,
    check_history,
    make_previous_config,
    provide_previous_archive,
)

SECONDS = 240


def test_notebooks_and_their_kernels_go_on_through_an_upgrade(make_installed_hub, make_page):
    check_history()
    hub = make_installed_hub()
    load_images(provide_previous_archive)
    wanted = deepcopy(hub.folder.values)
    install_previous(hub)
    page = make_page(ignore_https_errors=True)
    sign_in(page, hub, hub.provider.accounts["grace"])
    start_server(page, "Small")
    open_notebook(page)
    run_cell(page, "kept = 'in memory'; print(kept)")
    servers, proxy = list_uids(hub), hub.get_pod("proxy")["metadata"]["uid"]

    hub.folder.values, hub.folder.config = wanted, ""
    hub.folder.hub_image = HUB_IMAGE
    hub.folder.write()
    plan = upgrade(hub, "plan")
    assert f"The hub runs jhub-gateway {VERSION} with JupyterHub 5.5.0" in plan
    assert "1 server runs and goes on, with all kernels" in plan
    said = upgrade(hub, "run", "--", *hub.apply_command)
    assert f"upgraded to jhub-gateway {__version__}" in said

    assert list_uids(hub) == servers
    assert hub.get_pod("proxy")["metadata"]["uid"] == proxy
    assert run_cell(page, "print(kept)") == "in memory"
    assert f"GatewaySpawner-{__version__}" in hub.log
    page.goto(f"{hub.url}/hub/home")
    expect(page.get_by_role("button", name="My Server", exact=True)).to_be_visible()
    [backup] = (hub.space.share / "backups").iterdir()
    assert backup.stat().st_mode & 0o777 == 0o600


def install_previous(hub: InstalledHub) -> None:
    """Install the release before this one, by the same manifests."""
    name, _, tag = IMAGE.partition(":")
    values = hub.folder.values["hub"]
    values["image"] = {"name": name, "tag": tag}
    values["config"]["GatewaySpawner"]["home_init_image"] = IMAGE
    hub.folder.hub_image = IMAGE
    hub.folder.config = make_previous_config(hub.folder.values, hub.folder.secrets)
    hub.apply()
    hub.wait()


def upgrade(hub: InstalledHub, command: str, *more: str) -> str:
    """Run `jhub-gateway upgrade`, as an operator; return what it said."""
    place = ("--kubeconfig", str(hub.space.kubeconfig), "--namespace", hub.space.name)
    values = ("-f", str(hub.folder.path / "values.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "jhub_gateway", "upgrade", command, *values, *place, *more],
        capture_output=True,
        text=True,
        env={**os.environ, "SSL_CERT_FILE": str(hub.folder.path / "ca-certificates.crt")},
        timeout=SECONDS,
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout

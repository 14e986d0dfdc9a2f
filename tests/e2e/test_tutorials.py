"""The tutorials' notebooks in real pods: whole rounds at the gateway's systems, and troubles.

TES runs its tasks as pods, WES is a real server with a real CWL engine, and FTP is real too. The
others are written after their documentation.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.cluster.paths import ROOT
from tests.cluster.storage import OWNER
from tests.e2e.gateway_site import AUDIENCES, Gateway, run_gateway
from tests.e2e.lab import SLOW, sign_in, start_server, wait_until
from tests.e2e.sites import Site
from tests.fixtures.cluster import Namespace, make_namespace
from tests.fixtures.identity_provider import IdentityProvider
from tests.fixtures.protected_service import VALID
from tests.fixtures.tes.manifests import TASK_LABEL

# A folder for pictures of the pages, which docs/images has.
PICTURES = os.environ.get("JHUB_GATEWAY_SCREENSHOTS")
NOTEBOOKS = ROOT / "binder/tutorials/gateway"
RELEASE = "gateway-1"
FOLDER = f"tutorials/{RELEASE}"
TUTORIALS = f'c.GatewaySpawner.tutorials = [{{"name": "{RELEASE}"}}]\n'
# Seconds, where a login ends: renewed in time, and soon over.
LIFETIMES = {"access_token": 20, "id_token": 20, "exchanged_token": 20}
# A task's image is started, a CWL engine works, and other tests use the cores.
ROUND = 240_000
# How JupyterLab shows the error that ended a notebook.
ERROR = ".jp-Notebook .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
# Those that the browser does not run.
OTHERS = sorted(
    path.name for path in NOTEBOOKS.glob("*.ipynb") if not path.name.startswith(("10-", "11-"))
)


@pytest.fixture
def identity_provider(make_identity_provider) -> IdentityProvider:
    """One that exchanges tokens for the gateway's services, and may be changed."""
    return make_identity_provider(exchange_audiences=AUDIENCES)


@pytest.fixture
def gateway(identity_provider, cluster_with_node, tmp_path) -> Iterator[Gateway]:
    with (
        make_namespace(cluster_with_node) as tasks,
        run_gateway(identity_provider, tasks, tmp_path) as started,
    ):
        yield started


@pytest.fixture
def site(gateway, make_cluster_site, node_namespace) -> Site:
    """A hub whose users have the tutorials and a credential for each system."""
    put_tutorials(node_namespace.share)
    return make_cluster_site(TUTORIALS + gateway.make_config(node_namespace))


def put_tutorials(share: Path) -> None:
    """Put them on the share, as an operator does."""
    target = share / FOLDER
    shutil.copytree(NOTEBOOKS, target)
    if os.geteuid() == 0:
        for path in (target, *target.rglob("*")):
            os.chown(path, OWNER, OWNER)


def open_tutorial(page: Page, name: str) -> None:
    """Open it as a link would, and wait for its kernel."""
    page.goto(f"{page.url.split('/lab')[0]}/lab/tree/{FOLDER}/{name}?reset")
    expect(page.locator(".jp-Notebook")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=SLOW)


def run_all(page: Page) -> None:
    """Run > Run All Cells, and wait for nothing."""
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()


def find_tutorial(site: Site, name: str) -> Path:
    """A file of the tutorials in the one home of the share."""
    (home,) = (site.share / "homes").iterdir()
    return home / FOLDER / name


def save(page: Page, site: Site, name: str) -> list[dict[str, Any]]:
    """Save the notebook; return the outputs of its cells."""
    page.keyboard.press("Control+s")
    path = find_tutorial(site, name)
    wait_until(lambda: any(read_outputs(path)), 60)
    return read_outputs(path)


def read_outputs(path: Path) -> list[dict[str, Any]]:
    """All outputs of a notebook, in order."""
    cells = json.loads(path.read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def read_text(outputs: list[dict[str, Any]]) -> str:
    """What was printed and shown, as text."""
    texts = []
    for output in outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain") or ""
        texts.append("".join(text))
    return "\n".join(texts)


def find_errors(outputs: list[dict[str, Any]]) -> list[str]:
    """The errors, as a reader sees them."""
    return ["\n".join(one["traceback"]) for one in outputs if one["output_type"] == "error"]


def count_plots(outputs: list[dict[str, Any]]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def expect_plot(page: Page) -> None:
    """The last plot is drawn, and is no broken image."""
    plot = page.locator(".jp-Notebook .jp-RenderedImage img").last
    plot.scroll_into_view_if_needed()
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 300


def take_picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES, f"{name}.png"))


def test_a_task_and_a_workflow_are_run_from_the_browser(site, gateway, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")

    open_tutorial(page, "10-tes.ipynb")
    run_all(page)
    notebook = page.locator(".jp-Notebook")
    # The notebook says how far it is, and there is a pod before the result.
    status = re.compile(r"Seattle by month: (QUEUED|INITIALIZING|RUNNING) after \d+ s")
    expect(notebook).to_contain_text(status, timeout=ROUND)
    wait_until(lambda: bool(gateway.tasks.get("pods", f"-l={TASK_LABEL}")["items"]), 60)
    take_picture(page, "tutorial-tes-runs")
    expect(notebook).to_contain_text("Deleted seattle-", timeout=ROUND)
    expect_plot(page)
    take_picture(page, "tutorial-tes")
    outputs = save(page, site, "10-tes.ipynb")
    text = read_text(outputs)
    assert find_errors(outputs) == []
    assert "Seattle by month: COMPLETE after" in text
    assert "A task that fails ended as EXECUTOR_ERROR. The program that it ran ended with" in text
    assert "dyas.csv" in text
    assert count_plots(outputs) == 2
    assert find_tutorial(site, "results/months.csv").read_text().count("\n") == 13
    assert list(gateway.files.iterdir()) == []

    open_tutorial(page, "11-wes.ipynb")
    run_all(page)
    expect(notebook).to_contain_text("Dry spells: RUNNING after", timeout=ROUND)
    expect(notebook).to_contain_text("A run that fails ended as EXECUTOR_ERROR", timeout=ROUND)
    expect_plot(page)
    take_picture(page, "tutorial-wes")
    outputs = save(page, site, "11-wes.ipynb")
    assert find_errors(outputs) == []
    assert "Dry spells: COMPLETE after" in read_text(outputs)
    assert count_plots(outputs) == 2
    assert find_tutorial(site, "results/dry-spells.csv").read_text().startswith("half,days,spells")

    # All of it under ada's own tokens, each for the service that it was shown to.
    for service in (gateway.tes, gateway.wes):
        asked = [one for one in service.requests if one.digest]
        assert {one.outcome for one in asked} == {VALID}
        assert len({one.sub for one in asked}) == 1
    assert gateway.tes.requests[-1].sub == gateway.wes.requests[-1].sub


def execute(namespace: Namespace, name: str) -> subprocess.CompletedProcess[str]:
    """Run a notebook in the one user pod to its end or its first error, and keep its outputs."""
    (pod,) = namespace.pods()
    command = f"cd {FOLDER} && exec jupyter execute --inplace {name}"
    process = namespace.start_kubectl(
        "exec", pod["metadata"]["name"], "-c", "notebook", "--", "sh", "-c", f"{command} 2>&1"
    )
    output, _ = process.communicate(timeout=300)
    return subprocess.CompletedProcess(command, process.returncode, output)


def test_all_other_notebooks_run_to_their_end_in_the_pod(site, gateway, make_page, node_namespace):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    texts = {}
    for name in OTHERS:
        done = execute(node_namespace, name)
        assert done.returncode == 0, f"{name}: {done.stdout}"
        outputs = read_outputs(find_tutorial(site, name))
        assert find_errors(outputs) == []
        texts[name] = read_text(outputs)

    for name in ("20-arvados", "21-dataverse", "22-jatos", "23-ftp"):
        assert "The gateway's credentials are here" in texts[f"{name}.ipynb"], name
    # Each has really been at its system.
    assert gateway.arvados.blocks
    assert gateway.dataverse.count("GET", "/api/access/datafile/25")
    assert gateway.jatos.count("POST", "/results/files")
    assert "Deleted tutorial-" in texts["23-ftp.ipynb"]
    assert find_tutorial(site, "results/study").is_dir()


def expect_sentence(page: Page, name: str, sentence: str) -> None:
    """Run all of a tutorial; expect it to end with the sentence, and with no traceback."""
    open_tutorial(page, name)
    run_all(page)
    shown = page.locator(ERROR).filter(has_text=sentence)
    expect(shown).to_be_attached(timeout=ROUND)
    assert "Traceback" not in shown.inner_text()
    assert ".py" not in shown.inner_text()


def test_a_service_that_is_down_and_a_login_that_ended_are_told_in_a_sentence(
    site, gateway, make_page, node_namespace
):
    site.provider.set_lifetimes(**LIFETIMES)
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    gateway.wes_server.stop()
    expect_sentence(page, "11-wes.ipynb", "has a problem just now (502)")
    gateway.wes.stop()
    expect_sentence(page, "11-wes.ipynb", "does not answer: it is down, or can't be reached")

    gateway.tes.refuse_next(1000)
    expect_sentence(page, "10-tes.ipynb", "does not accept your credential (401)")
    site.provider.set_disabled("ada")
    wait_until(lambda: "login at the gateway has ended" in read_health(node_namespace), 120)
    expect_sentence(page, "10-tes.ipynb", "has ended. Log in at the gateway again.")


def read_health(namespace: Namespace) -> str:
    """What the one user's server knows of its credentials: a Secret takes a while to reach it."""
    (pod,) = namespace.pods()
    show = 'cat "$JHUB_GATEWAY_CREDENTIALS/credentials.json"'
    return namespace.kubectl(
        "exec", pod["metadata"]["name"], "-c", "notebook", "--", "sh", "-c", show
    )


def test_a_full_home_is_told_in_a_sentence(small_share, site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    open_tutorial(page, "11-wes.ipynb")
    with find_tutorial(site, "large.bin").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    run_all(page)
    shown = page.locator(ERROR).filter(has_text="Your home is full")
    expect(shown).to_be_attached(timeout=ROUND)

"""The manifests that operators apply to the share, on a real cluster."""

import json

from tests.e2e.lab import sign_in, start_server


def test_an_empty_claim_is_prepared_once_and_an_older_one_is_looked_at_first(node_namespace):
    share = node_namespace.share
    (share / "jhub-gateway.json").unlink()
    for folder in share.iterdir():
        if folder.name != "homes":
            for below in sorted(folder.rglob("*"), reverse=True):
                below.rmdir()
            folder.rmdir()
    # As the first development versions left it.
    (share / "homes/ada").mkdir()
    (share / "homes/ada/work.txt").write_text("weeks of work")
    said = node_namespace.run_job("storage-init.yaml", "--dry-run")
    assert "would have: step 2" in said or "step 2" in said
    assert [path.name for path in share.iterdir()] == ["homes"]
    assert "step 2" in node_namespace.run_job("storage-init.yaml")
    assert json.loads((share / "jhub-gateway.json").read_text()) == {"layout": 2}
    assert json.loads((share / "owners/ada.json").read_text())["name"] == "ada"
    assert "nothing to do" in node_namespace.run_job("storage-init.yaml")
    assert (share / "homes/ada/work.txt").read_text() == "weeks of work"


def test_the_measure_tells_the_page(make_cluster_site, node_namespace, make_page):
    site = make_cluster_site()
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    start_server(page, "Small")
    site.hub.stop_server("ada")
    assert "measured 1 directories" in node_namespace.run_job("storage-measure.yaml")
    page.goto(f"{site.hub.url}/hub/spawn/ada")
    assert "KB" in page.locator("#gateway-home").inner_text()

"""The extensions in a running server: found by their own files, and answering."""

import json
import re
from urllib.error import HTTPError

import pytest

import jhub_gateway
from tests.unit.notebook_server import NOTEBOOK, run_notebook_server

LABEXTENSION = NOTEBOOK / "share/jupyter/labextensions/jhub-gateway"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("server")
    usage = {"used": 1234, "measured_at": "2199-11-21T15:05:00Z", "limit": None}
    (directory / "usage.json").write_text(json.dumps(usage))
    variables = {"JHUB_GATEWAY_USAGE": str(directory), "JHUB_GATEWAY_HOME_QUOTA": "1000"}
    with run_notebook_server(directory, **variables, JHUB_GATEWAY_RESCUE="1") as running:
        yield running


def test_the_server_tells_its_space_to_its_own_user_alone(server):
    space = json.loads(server.get("jhub-gateway/space"))
    assert (space["used"], space["quota"], space["rescue"]) == (1234, 1000, True)
    assert space["measured_at"] == "2199-11-21T15:05:00Z"
    for token in (None, "somebody-else"):
        with pytest.raises(HTTPError) as refusal:
            server.get("jhub-gateway/space", token)
        assert refusal.value.code == 403


def test_asking_for_the_space_does_not_keep_the_server_from_being_culled(server):
    def get_last_activity():
        status = server.get("api/status?no_track_activity=1")
        return json.loads(status)["last_activity"]

    before = get_last_activity()
    server.get("jhub-gateway/space")
    assert get_last_activity() == before
    server.get("api/kernels")
    assert get_last_activity() > before


def test_jupyterlab_names_the_extension_and_serves_its_files(server):
    config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', server.get("lab"), re.S)
    assert config
    extensions = json.loads(config[1])["federated_extensions"]
    ours = next(one for one in extensions if one["name"] == "jhub-gateway")
    assert "window._JUPYTERLAB" in server.get(f"lab/extensions/jhub-gateway/{ours['load']}")


@pytest.mark.parametrize("name", ["remoteEntry.js", "space.js", "style.css"])
def test_a_browser_asks_for_each_file_again_so_that_an_upgrade_reaches_it(server, name):
    headers = server.get_headers(f"lab/extensions/jhub-gateway/lib/{name}")
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Content-Type"] in ("application/javascript", "text/javascript", "text/css")


def test_what_is_deleted_frees_its_space(server):
    (server.home / "big.csv").write_text("data")
    server.delete("api/contents/big.csv")
    assert not (server.home / "big.csv").exists()
    assert not (server.home / ".local/share/Trash").exists()


def test_the_next_start_writes_nothing_to_a_home_that_may_be_full_by_then(server):
    """Jupyter would, once a kernel has made ~/.ipython."""
    assert (server.home / ".jupyter/migrated").exists()


def test_each_module_that_a_file_imports_is_there():
    files = list((LABEXTENSION / "lib").glob("*.js"))
    imported = [name for file in files for name in re.findall(r'"\./(\w+\.js)"', file.read_text())]
    assert {"space.js", "space_text.js"} <= set(imported)
    assert set(imported) <= {file.name for file in files}


def test_the_metadata_names_files_that_are_there():
    package = json.loads((LABEXTENSION / "package.json").read_text())
    entry = LABEXTENSION / package["jupyterlab"]["_build"]["load"]
    assert f'window._JUPYTERLAB["{package["name"]}"]' in entry.read_text()
    assert package["name"] == LABEXTENSION.name
    assert package["version"] == jhub_gateway.__version__


def test_no_notice_is_cut_off():
    """JupyterLab shows 140 characters of one."""
    text = (LABEXTENSION / "lib/space_text.js").read_text()
    notices = re.findall(r'return ["`](.+)["`];', text)
    assert len(notices) >= 4
    for notice in notices:
        assert len(notice.replace("${amount}", " (1023.9 MB of 1023.9 GB)")) <= 140

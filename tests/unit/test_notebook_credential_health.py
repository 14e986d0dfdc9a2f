"""How the credentials are, as the user's server answers its JupyterLab."""

import json
import re
from urllib.error import HTTPError

import pytest

from jhub_gateway.notebook.credential_health import read_health
from tests.unit.credential_files import LOGIN_URL, PodFiles, make_ended_files, make_files
from tests.unit.notebook_server import NOTEBOOK, run_notebook_server

NOTHING = {"state": None, "sentence": "", "login_url": "", "credentials": []}


@pytest.fixture
def files(tmp_path, monkeypatch):
    made = PodFiles(tmp_path / "credentials")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    return made


def test_without_credentials_there_is_nothing_to_tell(files):
    assert read_health() == NOTHING


def test_an_unreadable_list_is_told(files):
    files.write({"credentials.json": "{"})
    health = read_health()
    assert health.pop("sentence").endswith("Tell the gateway's support.")
    assert health == {"state": "unreadable", "login_url": "", "credentials": []}


def test_an_expired_credential_is_told_as_that(files):
    files.write(make_files(seconds=-1))
    health = read_health()
    assert (health["state"], health["credentials"][0]["state"]) == ("valid", "expired")


def test_the_server_tells_its_own_user_and_no_secret(tmp_path):
    files = PodFiles(tmp_path / "credentials")
    written = make_files("s3cr3t")
    files.write(written)
    with run_notebook_server(tmp_path, JHUB_GATEWAY_CREDENTIALS=str(files.directory)) as server:

        def get_last_activity():
            return json.loads(server.get("api/status?no_track_activity=1"))["last_activity"]

        before = get_last_activity()
        text = server.get("jhub-gateway/credentials")
        assert get_last_activity() == before
        assert json.loads(text) == {
            "state": "valid",
            "sentence": "",
            "login_url": LOGIN_URL,
            "credentials": [
                {
                    "name": "login",
                    "audience": "",
                    "state": "valid",
                    "expires_at": written["expires_at"],
                    "sentence": "",
                },
                {
                    "name": "ftp",
                    "audience": "ftp.gateway.org",
                    "state": "valid",
                    "expires_at": None,
                    "sentence": "",
                },
            ],
        }
        files.write(make_ended_files())
        assert json.loads(server.get("jhub-gateway/credentials"))["state"] == "ended"
        for token in (None, "somebody-else"):
            with pytest.raises(HTTPError) as refusal:
                server.get("jhub-gateway/credentials", token)
            assert refusal.value.code == 403
        assert "s3cr3t" not in text + server.read_log()


def test_no_notice_is_cut_off():
    """JupyterLab shows 140 characters of one."""
    lib = NOTEBOOK / "share/jupyter/labextensions/jhub-gateway/lib"
    body = (lib / "credentials_text.js").read_text().split("export function getNotice")[1]
    notices = re.findall(r'return ["`](.+)["`];', body.split("\n}\n")[0])
    assert len(notices) == 2
    for notice in notices:
        # As long as the names may be together.
        assert len(notice.replace("${getShort(names)}", "x" * 41)) <= 140

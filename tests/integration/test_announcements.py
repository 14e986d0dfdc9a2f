"""What an operator announces, on the pages of a real hub."""

from collections.abc import Iterator

import pytest
import requests

from jhub_gateway.cli import main
from tests.fixtures.hub import Hub, start_hub
from tests.fixtures.local_site import make_local_config

OPERATOR, READER = "operator-token-0001", "reader-token-0001"
USUAL = "Welcome to the gateway."
CONFIG = f"""
c.JupyterHub.template_vars = {{"announcement": {USUAL!r}}}
c.JupyterHub.services += [
    {{"name": "operator", "api_token": {OPERATOR!r}}},
    {{"name": "reader", "api_token": {READER!r}}},
]
c.JupyterHub.load_roles += [
    {{"name": "operator", "services": ["operator"], "scopes": ["admin-ui"]}},
    {{"name": "reader", "services": ["reader"], "scopes": ["read:servers"]}},
]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    hub = start_hub(tmp_path_factory.mktemp("hub"), make_local_config() + CONFIG)
    yield hub
    hub.stop()


def read_login_page(hub: Hub) -> str:
    return requests.get(f"{hub.url}/hub/login", timeout=10).text


def test_users_read_it_until_it_is_taken_back(hub: Hub, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"{hub.url}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", OPERATOR)
    assert USUAL in read_login_page(hub)
    assert main(["announce", "The hub is upgraded <b>soon</b>."]) == 0
    page = read_login_page(hub)
    assert "The hub is upgraded &lt;b&gt;soon&lt;/b&gt;." in page
    assert USUAL not in page
    assert main(["announce", "--clear"]) == 0
    assert USUAL in read_login_page(hub)
    assert capsys.readouterr().out.endswith("nothing is announced any more\n")


def test_only_who_may_see_the_administrators_page_announces(hub: Hub, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"{hub.url}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", READER)
    assert main(["announce", "Free coffee"]) == 1
    assert "answered 403" in capsys.readouterr().err
    ada = hub.add_user("ada")
    for token in (READER, ada):
        answer = hub.api("PUT", "/gateway/announcement", token, json={"text": "Free coffee"})
        assert answer.status_code == 403
    assert "Free coffee" not in read_login_page(hub)


@pytest.mark.parametrize("body", [{}, {"text": 7}, {"text": "a" * 1001}, ["text"]])
def test_what_is_no_text_is_refused(hub: Hub, body):
    answer = hub.api("PUT", "/gateway/announcement", OPERATOR, json=body)
    assert answer.status_code == 400
    assert "text" in answer.json()["message"]


def test_a_text_or_clear(capsys):
    assert main(["announce"]) == 1
    assert main(["announce", "words", "--clear"]) == 1
    assert "give a text or --clear" in capsys.readouterr().err

"""The profile page of a hub on one machine, as JupyterHub's own templates frame it."""

import re

import pytest
import requests

from tests.fixtures.hub import Hub
from tests.fixtures.local_site import make_local_config, start_server
from tests.integration.test_cull_api import Visitor

PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "256M"},
    {"slug": "huge", "display_name": "Huge", "memory": "900T"},
]
NEVER = {"state": "never", "words": "Not available now: choose another size"}


@pytest.fixture
def hub(make_hub) -> Hub:
    return make_hub(make_local_config(memory_profiles=PROFILES))


class Reader(Visitor):
    """Somebody who reads the page, and whose page asks again."""

    def read(self, path: str, **headers: str) -> requests.Response:
        return self._session.get(f"{self._hub.url}/hub/{path}", headers=headers, timeout=30)


def read_free(hub: Hub, profile: str) -> float:
    metrics = hub.api("GET", "/../metrics").text
    pattern = rf'jhub_gateway_profile_free_servers{{profile="{profile}"}} (\S+)'
    return float(re.findall(pattern, metrics)[0])


def test_the_page_says_what_the_machine_has_room_for_until_servers_have_it(hub):
    reader = Reader(hub, "ada")
    page = reader.read("spawn/ada").text
    assert "<h1" in page.split("<main>")[1].split("Start your server")[0]
    assert page.count("<main>") == page.count("</main>") == 1
    found = re.findall(r'data-profile="(\w+)" data-state="(.+?)">(.+?)<', page)
    free = {"state": "free", "words": "Free now"}
    expected = {"small": free, "huge": NEVER}
    assert {slug: {"state": state, "words": words} for slug, state, words in found} == expected
    assert reader.read("gateway/capacity/ada").json() == expected
    before = read_free(hub, "small")
    assert before >= 1
    assert read_free(hub, "huge") == 0
    start_server(hub, "bob", profile="small")
    assert read_free(hub, "small") == before - 1
    hub.stop_server("bob")
    assert read_free(hub, "small") == before


def test_what_is_the_same_as_before_is_told_as_such_and_not_logged(hub):
    reader = Reader(hub, "ada")
    first = reader.read("gateway/capacity/ada")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = reader.read("gateway/capacity/ada", **{"If-None-Match": first.headers["Etag"]})
    assert (again.status_code, again.text) == (304, "")
    assert hub.log.count("GET /hub/gateway/capacity/ada") == 1


def test_who_may_not_start_a_users_server_reads_nothing_of_it(hub):
    hub.add_user("eve")
    reader = Reader(hub, "ada")
    assert reader.read("gateway/capacity/ada").status_code == 200
    assert reader.read("gateway/capacity/eve").status_code == 404
    assert reader.read("gateway/capacity/nobody").status_code == 404
    stranger = requests.get(f"{hub.url}/hub/gateway/capacity/ada", timeout=30)
    assert stranger.status_code in (403, 404)


def test_the_other_pages_have_their_main_part_marked(hub):
    reader = Reader(hub, "ada")
    start_server(hub, "ada", profile="small")
    for path in ("home", "gateway/restart/ada?profile=small"):
        page = reader.read(path).text
        assert (len(re.findall("<main", page)), page.count("</main>")) == (1, 1), path
    hub.stop_server("ada")
    page = reader.read("user/ada").text
    assert (len(re.findall("<main", page)), page.count("</main>")) == (1, 1)

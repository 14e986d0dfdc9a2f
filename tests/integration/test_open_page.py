"""Links into notebooks, at a real hub: what a click opens, and what no link opens."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.fixtures.cluster import CLAIM
from tests.fixtures.hub import CHECKED_LOGIN, Hub, launch_hub, start_hub
from tests.fixtures.links import (
    HOSTILE,
    KEY_ID,
    KEYS,
    NAME,
    NOTEBOOK,
    make_query,
    sign,
    signed,
    write_keys,
)
from tests.fixtures.local_site import SMALL_SERVER, make_local_config

GROUP = "/gateway/large-memory"
SETTINGS = {
    "memory_profiles": [
        {"slug": "small", "display_name": "Small", "memory": "512M"},
        {"slug": "large", "display_name": "Large", "memory": "1G", "allowed_groups": [GROUP]},
    ],
    "datasets": [
        {"name": "open", "size": "100M", "description": "Of everybody"},
        {"name": "huge", "size": "400M"},
        {"name": "archive", "size": "1T"},
        {"name": "closed", "size": "1M", "allowed_groups": [GROUP]},
    ],
    "group_folders": [{"group": GROUP, "folder": "team"}],
    "unsigned_links": [
        {
            "notebook": "tutorials/welcome-1/*.ipynb",
            "datasets": ["open"],
            "parameters": ["run"],
        }
    ],
}
# An operator who lets a page of theirs show the hub's, as Zero to JupyterHub's guide says it.
FRAMES = "frame-ancestors 'self' https://gateway.example.org"
MORE = f"""
c.JupyterHub.named_server_limit_per_user = 4
c.JupyterHub.tornado_settings = {{"headers": {{"Content-Security-Policy": {FRAMES!r}}}}}
"""


class Person:
    """Somebody in a browser, logged in, who follows no redirect by themselves."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.session = requests.Session()
        self.session.headers["Sec-Fetch-Mode"] = "navigate"
        self.session.get(f"{hub.url}/hub/login", timeout=30)
        answer = self.post("/hub/login", username=name, password="x")
        assert answer.status_code == 302, answer.text

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.hub.url + path, allow_redirects=False, timeout=30)

    def post(self, path: str, **fields: str) -> requests.Response:
        """Send a form of the hub's own."""
        tokens = {one.path: one.value for one in self.session.cookies if one.name == "_xsrf"}
        return self.session.post(
            self.hub.url + path,
            data={"_xsrf": tokens["/hub/"], **fields},
            allow_redirects=False,
            timeout=60,
        )

    def open(self, query: str) -> requests.Response:
        """See the page, and click."""
        page = self.get(f"/hub/gateway/open?{query}")
        assert page.status_code == 200, page.text
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        own = {name: value for name, value in fields if name != "_xsrf"}
        return self.post(f"/hub/gateway/open?{query}", **own)

    @property
    def servers(self) -> dict[str, dict]:
        return self.hub.api("GET", f"/users/{self.name}").json()["servers"]

    def read_link(self, server: str) -> dict:
        """What the server has of its link in its environment."""
        address = self.hub.wait_for_server(self.name, server)["url"]
        answer = requests.get(self.hub.url + address, timeout=10)
        return json.loads(answer.json()["JHUB_GATEWAY_LINK"] or "{}")


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> list[dict[str, str]]:
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory, keys) -> Iterator[Hub]:
    server = SMALL_SERVER.replace("NAMES = (", 'NAMES = ("JHUB_GATEWAY_LINK", ')
    config = make_local_config(**SETTINGS, link_gateways=keys).replace(
        repr(SMALL_SERVER), repr(server)
    )
    hub = start_hub(tmp_path_factory.mktemp("hub"), config + MORE)
    for dataset in SETTINGS["datasets"]:
        (hub.directory / "gateway-data" / "datasets" / dataset["name"]).mkdir()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def make_person(hub) -> Callable[..., Person]:
    def make(name: str, *groups: str) -> Person:
        hub.add_user(name, *groups)
        return Person(hub, name)

    return make


@pytest.fixture(scope="module")
def mallory(make_person) -> Person:
    return make_person("mallory")


def read(page: requests.Response) -> str:
    """The text of a page."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text.partition("<h1")[2])).split())


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_link_is_refused_with_a_sentence(mallory, what):
    query, status = HOSTILE[what]
    for answer in (
        mallory.get(f"/hub/gateway/open?{query}"),
        mallory.post(f"/hub/gateway/open?{query}"),
    ):
        assert answer.status_code == status
        assert "Location" not in answer.headers
        assert re.search(r"(link|notebook|server size|hub opens)[^.]*\.", unescape(answer.text))
        assert "Traceback" not in answer.text
    assert mallory.servers == {}


def test_nobody_is_shown_anything_before_their_login(hub):
    path = f"/hub/gateway/open?{signed(run='7')}"
    answer = requests.get(hub.url + path, allow_redirects=False, timeout=30)
    address = urlsplit(answer.headers["Location"])
    assert (answer.status_code, address.netloc) == (302, "")
    # The login leads back to the very same link.
    assert parse_qs(address.query)["next"] == [path]


def test_the_page_says_what_is_opened_and_starts_nothing(make_person):
    ada = make_person("ada")
    page = ada.get(f"/hub/gateway/open?{signed(dataset='open', run='run 7', **{'param.p': 'q'})}")
    text = read(page)
    for part in (NAME, NOTEBOOK, "open, 100 MB", "Of everybody", "run 7", "Small", "512 MB"):
        assert part in text
    assert ada.servers == {}


def test_text_of_a_link_is_only_text(make_person):
    trick = "<img src=x onerror=alert(1)>{{ 7 * 7 }}"
    page = make_person("emmy").get(f"/hub/gateway/open?{signed(run=trick)}")
    assert trick in unescape(page.text)
    assert "<img src=x" not in page.text


def test_a_click_opens_the_notebook_with_its_parameters_and_again_in_the_same_server(make_person):
    grace = make_person("grace", GROUP)
    values = {"dataset": "huge", "run": "$(JUPYTERHUB_API_TOKEN)", "param.sample": "é {username}"}
    first = grace.open(signed(**values))
    assert first.status_code == 302
    ((name, server),) = grace.servers.items()
    # 400 MB of data in twice the memory.
    assert server["user_options"] == {"profile": "large"}
    waiting = urlsplit(first.headers["Location"])
    notebook = f"/user/grace/{name}/lab/tree/{NOTEBOOK}"
    if waiting.path != notebook:
        assert waiting.path == f"/hub/spawn-pending/grace/{name}"
        assert parse_qs(waiting.query) == {"next": [notebook]}
    told = {
        "notebook": NOTEBOOK,
        "dataset": "huge",
        "run": values["run"],
        "parameters": {"sample": values["param.sample"]},
        "gateway": NAME,
    }
    assert grace.read_link(name) == told
    # JupyterHub's own page leads on as it was told.
    assert grace.get(f"{waiting.path}?{waiting.query}").status_code in (200, 302)

    # Signed anew, by the key that follows: the same link.
    later = sign({"kid": "2026-11"}, key=KEYS["2026-11"], exp=2_000_000_000, **values)
    assert "It runs already" in read(grace.get(f"/hub/gateway/open?{make_query(later)}"))
    again = grace.open(make_query(later))
    assert urlsplit(again.headers["Location"]).path == notebook
    assert list(grace.servers) == [name]

    # Another run is another server, and so is the notebook of a stranger's link.
    grace.open(signed(**values | {"run": "8"}))
    assert len(grace.servers) == 2


def test_a_server_keeps_its_link_whatever_page_starts_it(make_person):
    person = make_person("lise")
    person.open(signed(run="7"))
    (name,) = person.servers
    assert person.read_link(name)["run"] == "7"
    person.hub.stop_server("lise", name)
    person.hub.api("POST", f"/users/lise/servers/{name}", json={"profile": "small"})
    assert person.read_link(name)["run"] == "7"
    # No other server has it.
    person.hub.api("POST", "/users/lise/server", json={"profile": "small"}).raise_for_status()
    assert person.read_link("") == {}


def test_two_clicks_at_once_start_one_server(make_person):
    person = make_person("ida")
    query = signed(run="7")
    person.get(f"/hub/gateway/open?{query}")
    with ThreadPoolExecutor(4) as clicks:
        path = f"/hub/gateway/open?{query}"
        answers = list(clicks.map(lambda _: person.post(path, profile="small"), range(4)))
    assert {answer.status_code for answer in answers} == {302}
    (name,) = person.servers
    assert person.read_link(name)["run"] == "7"


def test_a_request_for_a_start_makes_no_link(make_person):
    person = make_person("marie")
    body = {"profile": "small", "link": {"notebook": "x.ipynb", "run": "7"}}
    person.hub.api("POST", "/users/marie/servers/mine", json=body)
    assert person.read_link("mine") == {}


@pytest.mark.parametrize("fields", [{}, {"_xsrf": "guessed"}])
def test_no_other_page_can_click(mallory, fields):
    path = f"/hub/gateway/open?{signed()}"
    address = mallory.hub.url + path
    answer = mallory.session.post(address, data=fields, allow_redirects=False, timeout=30)
    assert answer.status_code == 403
    page = mallory.get(path)
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    # The operator's own header holds for the other pages.
    assert mallory.get("/hub/home").headers["Content-Security-Policy"] == FRAMES
    assert mallory.servers == {}


def test_a_token_of_theirs_is_no_login_and_opens_nothing(hub, make_person):
    person = make_person("noether")
    answer = hub.api("POST", "/users/noether/tokens", json={"note": "a program's"})
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    address = f"{hub.url}/hub/gateway/open?{signed()}"
    answer = requests.get(address, headers=headers, allow_redirects=False, timeout=30)
    assert "/hub/login?" in answer.headers["Location"]
    answer = requests.post(address, headers=headers, allow_redirects=False, timeout=30)
    assert answer.status_code == 403
    assert person.servers == {}


def test_who_has_too_many_servers_is_told_so_and_opens_those_that_they_have(make_person):
    person = make_person("hedy")
    for run in "1234":
        assert person.open(signed(run=run)).status_code == 302
    answer = person.get(f"/hub/gateway/open?{signed(run='5')}")
    assert answer.status_code == 403
    assert "You have 4 named servers, and 4 are the most." in unescape(answer.text)
    assert person.open(signed(run="1")).status_code == 302
    assert len(person.servers) == 4


def test_data_that_no_size_holds_opens_in_the_largest_and_says_so(make_person):
    page = make_person("rosalind").get(f"/hub/gateway/open?{signed(dataset='archive')}")
    assert "Read it in parts." in read(page)


def test_anybody_may_make_the_links_that_are_listed(make_person):
    person = make_person("vera")
    query = f"notebook={NOTEBOOK}&dataset=open&run=7"
    assert "that anybody may have made" in read(person.get(f"/hub/gateway/open?{query}"))
    assert person.open(query).status_code == 302
    (name,) = person.servers
    assert "gateway" not in person.read_link(name)


def test_a_key_is_taken_back_without_a_restart(make_person, keys):
    person = make_person("chien")
    key = Path(keys[0]["key_directory"], "2026-12")
    query = signed({"kid": "2026-12"}, key=b"one-more-key-of-the-same-gateway-0123")
    assert person.get(f"/hub/gateway/open?{query}").status_code == 403
    key.write_bytes(b"one-more-key-of-the-same-gateway-0123")
    assert person.get(f"/hub/gateway/open?{query}").status_code == 200
    key.write_bytes(b"too short")
    answer = person.get(f"/hub/gateway/open?{query}")
    assert (answer.status_code, "can't check" in unescape(answer.text)) == (503, True)
    assert "'2026-12' has 9 bytes" in person.hub.log
    key.unlink()
    assert person.get(f"/hub/gateway/open?{query}").status_code == 403
    assert person.get(f"/hub/gateway/open?{signed({'kid': KEY_ID})}").status_code == 200


def test_the_log_says_why_a_link_was_refused_and_holds_no_key(mallory):
    answer = mallory.get(f"/hub/gateway/open?{signed({'kid': 'lost'})}")
    reference = answer.headers["X-Request-Id"]
    line = next(one for one in mallory.hub.log.splitlines() if "key 'lost'" in one)
    assert "Refused a link to mallory" in line
    assert reference in line
    assert not any(key.decode() in mallory.hub.log for key in KEYS.values())


@pytest.mark.parametrize(
    ("settings", "more", "sentence"),
    [
        (
            {"unsigned_links": [{"notebook": "x.ipynb"}]},
            "c.JupyterHub.allow_named_servers = False",
            "unsigned_links is set, and JupyterHub.allow_named_servers is False",
        ),
        (
            {"link_gateways": [{"issuer": "g", "name": "G", "key_directory": "/nowhere"}]},
            "",
            "gateway 'g': key_directory '/nowhere' can't be read",
        ),
        ({"unsigned_links": [{"notebook": "../*.ipynb"}]}, "", "name that begins with a dot"),
        ({"link_memory_factor": 0}, "", "link_memory_factor is 0"),
    ],
)
def test_a_hub_does_not_start_with_links_that_can_not_work(tmp_path, settings, more, sentence):
    hub = launch_hub(tmp_path, make_local_config(**settings) + more)
    try:
        assert hub.process.wait(60) != 0
    finally:
        hub.stop()
    assert sentence in hub.log


def test_a_hub_without_links_has_no_such_page(tmp_path):
    hub = start_hub(tmp_path, make_local_config() + "c.JupyterHub.allow_named_servers = False\n")
    try:
        person = Person(hub, "ada")
        assert person.get(f"/hub/gateway/open?notebook={NOTEBOOK}").status_code == 404
    finally:
        hub.stop()


PODS = (
    CHECKED_LOGIN
    + """
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "gateway"
c.KubeSpawner.namespace = "{namespace}"
c.KubeSpawner.image = "jhub-gateway/user:test"
c.GatewaySpawner.shared_claim_name = "{claim}"
c.GatewaySpawner.home_init_image = "hub:1"
c.GatewaySpawner.memory_profiles = {profiles}
c.GatewaySpawner.link_gateways = {gateways}
"""
)


def test_a_pod_is_of_the_links_size_and_has_its_parameters(namespace, make_hub, keys):
    config = PODS.format(
        namespace=namespace.name,
        claim=CLAIM,
        profiles=SETTINGS["memory_profiles"],
        gateways=keys,
    )
    hub = make_hub(config, namespace.environment)
    hub.add_user("grace", GROUP)
    grace = Person(hub, "grace")
    run = "$(JUPYTERHUB_API_TOKEN)"
    answer = grace.open(signed(profile="large", run=run))
    (name,) = grace.servers
    waiting = urlsplit(answer.headers["Location"])
    assert waiting.path == f"/hub/spawn-pending/grace/{name}"
    assert parse_qs(waiting.query) == {"next": [f"/user/grace/{name}/lab/tree/{NOTEBOOK}"]}
    pod = namespace.wait_for_pod()
    container = next(one for one in pod["spec"]["containers"] if one["name"] == "notebook")
    assert container["resources"]["limits"]["memory"] == str(1024**3)
    environment = {one["name"]: one.get("value", "") for one in container["env"]}
    assert "$(" not in environment["JHUB_GATEWAY_LINK"]
    assert json.loads(environment["JHUB_GATEWAY_LINK"])["run"] == run

"""What a culler and a user's server ask of the hub: a real hub, with real servers."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.fixtures.hub import Hub, start_hub
from tests.fixtures.local_site import ask_server, make_local_config, start_server

POLICY = {
    "idle_after": 3600,
    "warn_before": 1,
    "grace_after_disconnect": 0,
    "keep_alive_step": 7200,
    "keep_alive_max": 10800,
    "exempt_groups": ["staff"],
}
PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "2G"},
    {"slug": "large", "display_name": "Large", "memory": "4G", "cull": {"idle_after": 60}},
]
# What the service has, and what falls short of it.
ROLES = """
c.JupyterHub.services += [
    {"name": "culler", "api_token": "culler-token-0001"},
    {"name": "reader", "api_token": "reader-token-0001"},
    {"name": "filtered", "api_token": "filtered-token-01"},
]
c.JupyterHub.load_roles += [
    {"name": "culler", "services": ["culler"], "scopes": ["read:servers", "delete:servers"]},
    {"name": "reader", "services": ["reader"], "scopes": ["read:servers"]},
    {"name": "filtered", "services": ["filtered"],
     "scopes": ["read:servers", "delete:servers!user=ada"]},
]
"""
CULLER = "culler-token-0001"
# A proxy that fails once for one user.
FAILING_PROXY = """
from jupyterhub.proxy import ConfigurableHTTPProxy

class FailingProxy(ConfigurableHTTPProxy):
    left = 1

    async def delete_user(self, user, *names):
        if user.name == "hans" and FailingProxy.left:
            FailingProxy.left -= 1
            raise RuntimeError("the proxy is away")
        await super().delete_user(user, *names)

c.JupyterHub.proxy_class = FailingProxy
"""


def make_config(**policy: Any) -> str:
    return make_local_config(cull=POLICY | policy, memory_profiles=PROFILES) + ROLES + FAILING_PROXY


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    """One hub for all: each test has users of its own."""
    hub = start_hub(tmp_path_factory.mktemp("hub"), make_config())
    yield hub
    hub.stop()


def list_servers(hub: Hub, query: str = "") -> dict[str, Any]:
    answer = hub.api("GET", f"/gateway/servers{query}", CULLER)
    answer.raise_for_status()
    return answer.json()


def find_server(hub: Hub, user: str) -> dict[str, Any]:
    [server] = [one for one in list_servers(hub)["servers"] if one["user"] == user]
    return server


def warn(hub: Hub, server: dict[str, Any], seconds: float = 60, cause: str = "idle") -> int:
    named = {key: server[key] for key in ("user", "server", "run")}
    body = {"warn": [{**named, "seconds": seconds, "cause": cause}]}
    answer = hub.api("POST", "/gateway/notices", CULLER, json=body)
    answer.raise_for_status()
    return answer.json()["missed"]


def stop(hub: Hub, server: dict[str, Any], **changes: Any) -> requests.Response:
    named = {key: server[key] for key in ("user", "server", "run", "granted")}
    body = {**named, "cause": "idle", "detail": "idle for 3601 s", **changes}
    return hub.api("POST", "/gateway/stops", CULLER, json=body)


def wait_until_gone(hub: Hub, user: str) -> None:
    for _ in range(100):
        if not hub.api("GET", f"/users/{user}").json()["servers"]:
            return
        time.sleep(0.1)
    pytest.fail(hub.tail())


def test_a_running_server_is_listed_with_what_decides_on_it(hub) -> None:
    start_server(hub, "ada", profile="large")
    start_server(hub, "grace", "staff")
    found = list_servers(hub)
    assert found["next"] is None
    ada, grace = (find_server(hub, user) for user in ("ada", "grace"))
    assert (ada["user"], ada["server"], ada["profile"]) == ("ada", "", "large")
    assert found["policies"][ada["policy"]]["idle_after"] == 60
    assert found["policies"][grace["policy"]]["idle_after"] == 3600
    assert "exempt_groups" not in found["policies"][0]
    assert [ada["is_exempt"], grace["is_exempt"]] == [False, True]
    assert 0 <= ada["age"] < 60
    assert 0 <= ada["idle_for"] < 60
    assert [ada[key] for key in ("kept_for", "granted", "warned_for", "cause")] == [
        0,
        0,
        None,
        None,
    ]
    assert len(bytes.fromhex(ada["run"])) == 8
    assert ada["run"] != grace["run"]
    # The key is the server's own, and no other's.
    assert ask_server(ada["url"])["JHUB_GATEWAY_USE_KEY"] == ada["key"]
    assert len(ada["key"]) >= 40
    assert ada["key"] != grace["key"]


def test_pages_go_on_where_the_last_one_ended(hub) -> None:
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        start_server(hub, name)
    hub.stop_server("user-1")
    found, after = [], 0
    while after is not None:
        page = list_servers(hub, f"?limit=2&after={after}")
        assert len(page["servers"]) <= 2
        found += [one["user"] for one in page["servers"] if one["user"] in names]
        after = page["next"]
    assert found == ["user-0", "user-2", "user-3", "user-4"]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("reader-token-0001", "This needs the scopes delete:servers, for all users"),
        ("filtered-token-01", "This needs the scopes delete:servers, for all users"),
        ("nobodys-token-001", "Missing or invalid credentials."),
    ],
)
def test_what_lacks_a_scope_is_told_which(hub, token, said) -> None:
    for method, path in [("GET", "servers"), ("POST", "notices"), ("POST", "stops")]:
        answer = hub.api(method, f"/gateway/{path}", token, json={})
        assert answer.status_code == 403
        assert answer.json()["message"].startswith(said)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "servers?limit=1001", b""),
        ("GET", "servers?limit=ten", b""),
        ("GET", "servers?after=-1", b""),
        ("GET", "servers?after=99999999999999999999999", b""),
        ("GET", "servers?state=stopped", b""),
        ("POST", "notices", b""),
        ("POST", "notices", b"\xff\xfe"),
        ("POST", "notices", b"[" * 100_000),
        ("POST", "notices", b'{"warn": ["ada"]}'),
        ("POST", "notices", b"x" * 2_000_000),
        ("POST", "stops", b'{"user": "\\ud800", "server": ""}'),
        ("POST", "stops", b'{"user": "ada\\u0000", "server": ""}'),
        ("POST", "keep", b"{}"),
        ("POST", "keep", b'{"user": ["ada"], "server": ""}'),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(hub, method, path, body) -> None:
    answer = hub.api(method, f"/gateway/{path}", data=body)
    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 10
    assert "Traceback" not in answer.text


def test_a_warned_server_is_stopped_once_and_says_why_afterwards(hub) -> None:
    token = start_server(hub, "kurt", profile="large")
    server = find_server(hub, "kurt")
    assert stop(hub, server).json()["message"] == "Its user was not warned for 1 second."
    assert warn(hub, {**server, "run": "0" * 16}) == 1
    assert warn(hub, {**server, "user": "nobody"}) == 1
    assert warn(hub, server) == 0
    assert stop(hub, server).status_code == 409
    time.sleep(1.1)
    # Told again, with another time: it was warned as long ago as before.
    assert warn(hub, server, seconds=0) == 0
    assert find_server(hub, "kurt")["warned_for"] > 1
    assert find_server(hub, "kurt")["cause"] == "idle"
    assert stop(hub, server, run="0" * 16).json()["message"] == "The server was restarted since."
    assert stop(hub, server, granted=7200).json()["message"] == "The server was kept since."
    assert stop(hub, {**server, "user": "nobody"}).status_code == 404
    assert stop(hub, {**server, "server": "none"}).status_code == 404
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: stop(hub, server), range(6)))
    assert sorted(one.status_code for one in answers) == [202, 409, 409, 409, 409, 409]
    wait_until_gone(hub, "kurt")
    assert stop(hub, server).json()["message"] == "The server does not run."
    end = find_end(hub, "kurt")
    assert end["code"] == "culled-idle"
    assert end["profile"] == "large"
    assert end["sentence"].startswith(
        "It was stopped because nobody had used it for 1 minute. Your files are all there."
    )
    assert read_metric(hub, 'jhub_gateway_culls_total{cause="idle"}') == 1
    assert "(culled-idle): idle for 3601 s" in hub.log
    assert server["key"] not in hub.log
    # The next start has nothing to say of the one before.
    hub.api("POST", "/users/kurt/server", token).raise_for_status()
    hub.wait_for_server("kurt")
    assert find_end(hub, "kurt") is None
    again = find_server(hub, "kurt")
    assert again["run"] != server["run"]
    assert again["key"] != server["key"]
    assert again["warned_for"] is None


def test_the_metrics_say_how_long_ago_a_culler_has_looked(hub) -> None:
    body = {"pass": {"servers": 1000, "unknown": 3, "seconds": 1.25}}
    hub.api("POST", "/gateway/notices", CULLER, json=body).raise_for_status()
    assert read_metric(hub, "jhub_gateway_culler_servers") == 1000
    assert read_metric(hub, "jhub_gateway_culler_unknown_servers") == 3
    assert read_metric(hub, "jhub_gateway_culler_pass_seconds") == 1.25
    assert 0 < read_metric(hub, "jhub_gateway_culler_age_seconds") < 10


def test_a_warning_is_taken_back(hub) -> None:
    start_server(hub, "emmy")
    server = find_server(hub, "emmy")
    warn(hub, server)
    time.sleep(1.1)
    named = {key: server[key] for key in ("user", "server", "run")}
    hub.api("POST", "/gateway/notices", CULLER, json={"clear": [named]}).raise_for_status()
    assert find_server(hub, "emmy")["warned_for"] is None
    assert stop(hub, server).status_code == 409


def test_a_stop_that_fails_leaves_the_server_for_the_next_pass(hub) -> None:
    start_server(hub, "hans")
    server = find_server(hub, "hans")
    warn(hub, server)
    time.sleep(1.1)
    assert stop(hub, server).status_code == 202
    for _ in range(50):
        if "Server hans was not stopped, and goes on" in hub.log:
            break
        time.sleep(0.1)
    assert find_end(hub, "hans") is None
    ask_server(server["url"])
    # It is still warned.
    assert stop(hub, find_server(hub, "hans"), cause="age").status_code == 202
    wait_until_gone(hub, "hans")
    assert find_end(hub, "hans")["code"] == "culled-age"
    assert read_metric(hub, 'jhub_gateway_culls_total{cause="age"}') == 1


def test_a_member_of_an_exempt_group_is_never_stopped(hub) -> None:
    start_server(hub, "alan")
    server = find_server(hub, "alan")
    warn(hub, server)
    time.sleep(1.1)
    # Since the culler has looked.
    hub.api("POST", "/groups/staff")
    hub.api("POST", "/groups/staff/users", json={"users": ["alan"]}).raise_for_status()
    assert "group" in stop(hub, server).json()["message"]
    assert find_server(hub, "alan")["is_exempt"] is True


def test_a_server_is_kept_by_its_owner_and_by_itself_up_to_the_cap(hub) -> None:
    owner = start_server(hub, "rosa")
    other = start_server(hub, "mary")
    server = find_server(hub, "rosa")
    own = ask_server(server["url"])["JUPYTERHUB_API_TOKEN"]
    assert keep(hub, owner, "rosa").json()["message"] == "Your server is not about to stop."
    warn(hub, server)
    time.sleep(1.1)
    for token in (other, "nobodys-token-001", CULLER):
        assert keep(hub, token, "rosa").status_code in (403, 404)
    answer = keep(hub, owner, "rosa")
    assert answer.status_code == 200
    kept = answer.json()
    assert 7250 < kept.pop("seconds") < 7260
    assert kept == {"granted": 7200, "more": 3600}
    assert stop(hub, server).json()["message"] == "The server was kept since."
    found = find_server(hub, "rosa")
    assert (found["granted"], found["warned_for"]) == (7200, None)
    assert 7240 < found["kept_for"] < 7260
    assert stop(hub, found).status_code == 409
    warn(hub, server)
    assert keep(hub, own, "rosa").json()["granted"] == 10800
    warn(hub, server)
    refusal = keep(hub, owner, "rosa")
    assert refusal.status_code == 409
    assert refusal.json()["message"].startswith("Your server can't be kept any longer.")


def test_a_hub_that_is_killed_knows_what_was_given_and_how_a_server_ended(make_hub) -> None:
    hub = make_hub(make_config())
    assert "jhub_gateway_culler" not in read_metrics(hub)
    owner = start_server(hub, "ada")
    server = find_server(hub, "ada")
    warn(hub, server)
    keep(hub, owner, "ada").raise_for_status()
    before = find_server(hub, "ada")
    hub.kill()
    hub.restart()
    hub.wait_for_server("ada")
    after = find_server(hub, "ada")
    assert {key: after[key] for key in ("run", "key", "granted", "profile", "url")} == {
        key: before[key] for key in ("run", "key", "granted", "profile", "url")
    }
    assert after["granted"] == 7200
    assert before["kept_for"] - 60 < after["kept_for"] < before["kept_for"]
    # Nobody remembers the warning, so that it is given anew.
    assert stop(hub, after).status_code == 409
    warn(hub, after)
    time.sleep(1.1)
    assert stop(hub, after, cause="age").status_code == 202
    wait_until_gone(hub, "ada")
    end = find_end(hub, "ada")
    assert end["code"] == "culled-age"
    hub.kill()
    hub.restart()
    assert find_end(hub, "ada") == end


def test_the_home_page_keeps_a_server_and_says_how_it_ended(hub) -> None:
    start_server(hub, "lise")
    start_server(hub, "otto")
    server = find_server(hub, "lise")
    page = Visitor(hub, "lise")
    assert "gateway-stop" not in page.read_home()
    warn(hub, server)
    home = page.read_home()
    assert "because nobody has used it for 1 hour" in home
    assert "Keep it 2 more hours" in home
    assert page.post("/hub/gateway/keep/lise/", {}).status_code == 403  # without XSRF
    assert page.post("/hub/gateway/keep/otto/", page.xsrf).status_code == 404
    answer = page.post("/hub/gateway/keep/lise/", page.xsrf)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/home"
    assert "is kept until" in page.read_home()
    assert find_server(hub, "lise")["granted"] == 7200
    again = page.post("/hub/gateway/keep/lise/", page.xsrf)
    assert again.status_code == 409
    assert "Your server is not about to stop." in again.text
    warn(hub, server)
    assert "Keep it 1 more hour" in page.read_home()
    page.post("/hub/gateway/keep/lise/", page.xsrf)
    warn(hub, server)
    assert "Keep it" not in page.read_home()
    time.sleep(1.1)
    assert stop(hub, find_server(hub, "lise")).status_code == 202
    wait_until_gone(hub, "lise")
    home = page.read_home()
    assert "was stopped" in home
    assert "What notebooks held in memory is gone" in home


def keep(hub: Hub, token: str, user: str) -> requests.Response:
    return hub.api("POST", "/gateway/keep", token, json={"user": user, "server": ""})


def find_end(hub: Hub, user: str) -> dict[str, str] | None:
    servers = hub.api("GET", f"/users/{user}?include_stopped_servers").json()["servers"]
    return (servers[""]["state"] or {}).get("last_end")


def read_metrics(hub: Hub) -> str:
    answer = hub.api("GET", "/../metrics")
    answer.raise_for_status()
    return answer.text


def read_metric(hub: Hub, name: str) -> float:
    [line] = [one for one in read_metrics(hub).splitlines() if one.startswith(f"{name} ")]
    return float(line.split()[-1])


class Visitor:
    """A browser at the hub's pages, without JavaScript."""

    def __init__(self, hub: Hub, user: str) -> None:
        self._hub, self._session = hub, requests.Session()
        self._session.get(f"{hub.url}/hub/login", timeout=30)
        form = {"username": user, "password": "any", **self.xsrf}
        self.post("/hub/login", form).raise_for_status()

    @property
    def xsrf(self) -> dict[str, str]:
        [value] = [one.value for one in self._session.cookies if one.name == "_xsrf"][-1:]
        return {"_xsrf": value}

    def read_home(self) -> str:
        answer = self._session.get(f"{self._hub.url}/hub/home", timeout=30)
        answer.raise_for_status()
        return " ".join(answer.text.split())

    def post(self, path: str, form: dict[str, str]) -> requests.Response:
        url = f"{self._hub.url}{path}"
        return self._session.post(url, data=form, timeout=30, allow_redirects=False)

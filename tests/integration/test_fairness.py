"""Hours of memory and a user's memory together: a real hub, real servers, whoever asks and how."""

import html
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests

from tests.fixtures.hub import Hub, start_hub
from tests.fixtures.local_site import SMALL_SERVER, make_local_config, start_server

GIB = 1024**3
PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1G"},
    {"slug": "medium", "display_name": "Medium", "memory": "2G"},
    {"slug": "large", "display_name": "Large", "memory": "8G", "default": True},
]
# Says what it has used of memory, as the extension in a user's server does.
TELLING_SERVER = SMALL_SERVER.replace(
    "    def log_message",
    """    def do_POST(self):
        own = self.headers["X-Jhub-Gateway-Key"] == os.environ["JHUB_GATEWAY_USE_KEY"]
        use = {"idle_for": 0, "disconnected_for": 0, "busy_for": None, "memory_peak": PEAK}
        body = json.dumps(use).encode()
        self.send_response(200 if own else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message""",
)
# A second of a server is more than the course has.
BUDGETS = [{"group": "course", "hours": 0.0002, "days": 7}]
REPORTER = "reporter-token-01"
ROLES = f"""
c.JupyterHub.services += [{{"name": "reporter", "api_token": "{REPORTER}"}}]
c.JupyterHub.load_roles += [
    {{"name": "reporter", "services": ["reporter"], "scopes": ["read:servers"]}},
]
c.JupyterHub.authenticate_prometheus = False
"""


def make_config(peak: object = None, **traits: Any) -> str:
    code = TELLING_SERVER.replace("PEAK", repr(peak))
    traits = {"memory_profiles": PROFILES, "cmd": [sys.executable, "-c", code]} | traits
    return make_local_config(**traits) + ROLES


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    """One hub for all: each test has users of its own, and a group if it uses its hours up."""
    groups = [{**BUDGETS[0], "group": f"course-{number}"} for number in range(6)]
    limits = [{"size": "9G", "groups": ["limited"]}]
    config = make_config(group_memory_hours=groups, max_memory_per_user=limits)
    hub = start_hub(tmp_path_factory.mktemp("hub"), config)
    yield hub
    hub.stop()


def use_up(hub: Hub, user: str, group: str) -> str:
    """Let the user's server use all hours of their group; return their token."""
    token = start_server(hub, user, group, profile="small")
    time.sleep(2)  # Hours pass by themselves alone.
    hub.stop_server(user)
    return token


def start(hub: Hub, user: str, profile: str = "", name: str = "", token: str = ""):
    path = f"/users/{user}/servers/{name}" if name else f"/users/{user}/server"
    body = {"profile": profile} if profile else None
    return hub.api("POST", path, token or None, json=body)


def log_in(hub: Hub, user: str) -> requests.Session:
    browser = requests.Session()
    browser.get(f"{hub.url}/hub/login", timeout=30)
    form = {"username": user, "password": "any", "_xsrf": browser.cookies["_xsrf"]}
    browser.post(f"{hub.url}/hub/login", data=form, timeout=30).raise_for_status()
    return browser


def read_page(answer: requests.Response) -> str:
    """Return a page's words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def read_rows(hub: Hub) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(hub.directory / "hub.sqlite")) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM jhub_gateway_memory ORDER BY began").fetchall()
    return [dict(row) for row in rows]


def read_metric(hub: Hub, name: str) -> float:
    text = requests.get(f"{hub.url}/hub/metrics", timeout=30).text
    found = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def test_a_group_out_of_hours_is_refused_all_but_the_smallest(hub) -> None:
    use_up(hub, "ada", "course-0")
    member = hub.add_user("grace", "course-0")
    refused = read_metric(hub, 'jhub_gateway_start_refusals_total{reason="budget"}')
    failed = read_metric(hub, "jhub_gateway_start_failures_total")
    answer = start(hub, "grace", "medium", token=member)
    assert answer.status_code == 403
    sentence = answer.json()["message"]
    assert "'course-0' has in 7 days are used up. Choose Small now" in sentence
    reset = re.search(r"again from (\d\d \w+ \d{4} at \d\d:\d\d UTC) at the earliest", sentence)
    at = time.mktime(time.strptime(reset[1], "%d %B %Y at %H:%M %Z")) - time.timezone
    assert 0 < at - time.time() - 7 * 86400 < 180
    # A named server, and an administrator, are held to the same.
    assert start(hub, "grace", "large", name="other", token=member).status_code == 403
    assert start(hub, "grace", "large").status_code == 403
    assert read_metric(hub, 'jhub_gateway_start_refusals_total{reason="budget"}') == refused + 3
    assert read_metric(hub, "jhub_gateway_start_failures_total") == failed
    start(hub, "grace", "small", token=member).raise_for_status()
    hub.wait_for_server("grace")


def test_a_start_that_names_no_size_gets_the_smallest(hub) -> None:
    use_up(hub, "hans", "course-1")
    start_server(hub, "ida", "course-1")
    assert [row["profile"] for row in read_rows(hub) if row["username"] == "ida"] == ["small"]


def test_the_page_says_so_and_offers_the_smallest_alone(hub) -> None:
    use_up(hub, "juan", "course-2")
    hub.add_user("kim", "course-2")
    browser = log_in(hub, "kim")
    page = browser.get(f"{hub.url}/hub/spawn", timeout=30)
    words = read_page(page)
    assert "The hours of memory of course-2 are used up." in words
    assert "Only Small can be started now." in words
    assert re.findall(r'name="profile"[^>]*value="([^"]+)"', page.text) == ["small"]
    form = {"profile": "large", "_xsrf": browser.cookies["_xsrf"]}
    answer = browser.post(f"{hub.url}/hub/spawn", data=form, timeout=30)
    assert "are used up. Choose Small now" in read_page(answer)
    assert hub.api("GET", "/users/kim").json()["servers"] == {}


def test_a_group_with_hours_left_sees_them_and_others_nothing(hub) -> None:
    hub.add_user("lea", "course-3")
    hub.add_user("max")
    words = read_page(log_in(hub, "lea").get(f"{hub.url}/hub/spawn", timeout=30))
    assert "Used in the last 7 days 0 of 0.0002 GB-hours" in words
    assert "Small 1, Medium 2, Large 8." in words
    assert "GB-hours" not in log_in(hub, "max").get(f"{hub.url}/hub/spawn", timeout=30).text


def test_who_is_in_no_such_group_has_no_budget(hub) -> None:
    start_server(hub, "nils", profile="small")
    time.sleep(2)
    hub.stop_server("nils")
    start(hub, "nils", "large").raise_for_status()


def test_a_member_of_two_groups_is_charged_to_the_next_with_hours_left(hub) -> None:
    use_up(hub, "olga", "course-4")
    start_server(hub, "pia", "course-4", "course-5", profile="medium")
    accounts = {row["account"] for row in read_rows(hub) if row["username"] == "pia"}
    assert accounts == {"group:course-5"}


def test_a_users_servers_together_are_limited_whoever_starts_them(hub) -> None:
    token = start_server(hub, "quin", "limited", profile="large")
    answer = start(hub, "quin", "medium", name="second", token=token)
    assert answer.status_code == 403
    assert (
        "may have 9 GB, and Medium needs 2 GB beside your default server (8 GB). Stop"
        in (answer.json()["message"])
    )
    assert start(hub, "quin", "medium", name="second").status_code == 403
    start(hub, "quin", "small", name="second", token=token).raise_for_status()
    hub.wait_for_server("quin", "second")
    hub.stop_server("quin")
    start(hub, "quin", "medium", name="third", token=token).raise_for_status()
    assert read_metric(hub, 'jhub_gateway_start_refusals_total{reason="user_memory"}') == 2


def test_of_two_starts_at_the_same_time_one_is_refused(hub) -> None:
    token = hub.add_user("rosa", "limited")
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda name: start(hub, "rosa", "large", name, token), ("one", "two"))
        )
    assert sorted(answer.status_code for answer in answers) in ([201, 403], [202, 403])


def test_no_user_sees_what_others_used(hub) -> None:
    assert hub.api("GET", "/gateway/memory-use", hub.add_user("sam")).status_code == 403
    assert hub.api("GET", "/gateway/memory-use?by_user=1", REPORTER).status_code == 403
    hub.api("GET", "/gateway/memory-use", REPORTER).raise_for_status()


def test_a_hub_that_is_killed_counts_nothing_twice_and_loses_nothing_that_runs(make_hub) -> None:
    hub = make_hub(make_config(group_memory_hours=[{"hours": 1000}]))
    before = time.time()
    start_server(hub, "ada", profile="medium")
    start_server(hub, "bob", profile="small")
    began = time.time()
    hub.kill()
    [killed] = [row["until"] for row in read_rows(hub) if row["username"] == "bob"]
    # Bob's server ends while no hub is there.
    with closing(sqlite3.connect(hub.directory / "hub.sqlite")) as database:
        query = """
            SELECT spawners.state FROM spawners JOIN users ON users.id = user_id
            WHERE users.name = 'bob'
        """
        state = json.loads(database.execute(query).fetchone()[0])
    os.kill(state["pid"], 9)
    time.sleep(5)
    hub.restart()
    hub.wait_for_server("ada")
    stopping = time.time()
    hub.stop_server("ada")
    ada, bob = (
        [row for row in read_rows(hub) if row["username"] == name] for name in ("ada", "bob")
    )
    assert len(ada) == len(bob) == 1
    # The time without a hub among it, in which the server ran.
    assert stopping - began - 1 <= ada[0]["until"] - ada[0]["began"] <= time.time() - before + 1
    assert ada[0]["account"] == "user:ada"
    assert bob[0]["until"] == killed
    # What it had is remembered for the next start.
    assert "Large" in read_page(log_in(hub, "ada").get(f"{hub.url}/hub/spawn", timeout=30))


def test_the_page_names_the_size_that_fits_and_operators_see_it_in_a_report(make_hub) -> None:
    hub = make_hub(make_config(peak=int(1.5 * GIB)))
    for _ in range(3):
        start_server(hub, "ada", profile="large")
        hub.stop_server("ada")
    words = read_page(log_in(hub, "ada").get(f"{hub.url}/hub/spawn", timeout=30))
    assert "You used at most 1.5 GB of 8 GB in your last 3 sessions. Medium (2 GB) is" in words
    hub.add_user("bob")
    assert "You used" not in read_page(log_in(hub, "bob").get(f"{hub.url}/hub/spawn", timeout=30))
    assert read_metric(hub, 'jhub_gateway_memory_used_ratio_count{profile="large"}') == 3
    text = report(hub, REPORTER, "--nodes", "4x64G/16")
    assert re.search(r"^large +8 GB +3 +3 +0\.\d +1\.5 GB +1\.5 GB +1\.5 GB +1\.9 GB$", text, re.M)
    assert "of which the first fits half: small 1.9 GB" in text
    assert "ada" not in text
    document = json.loads(report(hub, hub.token, "--format", "json", "--by-user"))
    [row] = document["profiles"]
    assert (row["user"], row["profile"], row["median"]) == ("ada", "large", int(1.5 * GIB))


@pytest.mark.parametrize("peak", [-1, "much", 10**40, True])
def test_a_server_that_says_nonsense_of_its_memory_stops_all_the_same(make_hub, peak) -> None:
    hub = make_hub(make_config(peak=peak))
    start_server(hub, "ada", profile="small")
    hub.stop_server("ada")
    [row] = read_rows(hub)
    assert row["peak"] is None
    assert "[E " not in hub.log


def test_a_server_that_claims_more_than_it_had_used_all_of_it(make_hub) -> None:
    hub = make_hub(make_config(peak=100 * GIB))
    start_server(hub, "ada", profile="small")
    hub.stop_server("ada")
    assert [row["peak"] for row in read_rows(hub)] == [GIB]


def report(hub: Hub, token: str, *options: str) -> str:
    variables = {"JUPYTERHUB_API_URL": f"{hub.url}/hub/api", "JUPYTERHUB_API_TOKEN": token}
    answer = subprocess.run(
        [sys.executable, "-m", "jhub_gateway", "usage", *options],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return answer.stdout

"""Who still has the folder of a group that they left, asked of a small hub."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from jhub_gateway.cli import main
from jhub_gateway.clients.hub_api import HubUnavailable, list_active_users
from jhub_gateway.stale_mounts import find_stale_mounts

TOKEN = "a-very-secret-token"
GENES = {
    "group": "/x/genes",
    "folder": "genes",
    "read_only": False,
    "groups": ["/x/genes", "/x/all"],
}
MAPS = {"group": "/maps", "folder": "maps", "read_only": True, "groups": ["/maps"]}
NOBODY = "no server has a folder of a group that its owner left\n"


def make_user(name: str, groups: list[str], *folders: dict) -> dict:
    server = {"url": f"/user/{name}/", "state": {"pod": "p", "group_folders": list(folders)}}
    return {"name": name, "groups": groups, "servers": {"": server}}


class SmallHub(SimpleNamespace):
    """``users`` as its API lists them, in pages; or the bytes of one ``answer`` to all."""

    users: list[dict] = []
    page = 200
    answer: bytes | None = None
    token = TOKEN

    def reply(self, path: str, token: str | None) -> bytes:
        query = parse_qs(urlsplit(path).query)
        if self.answer is not None:
            return self.answer
        if token != f"token {self.token}":
            return make_answer({"status": 403, "message": "Forbidden"}, "403 Forbidden")
        assert query["state"] == ["active"]
        start = int(query["offset"][0])
        end = start + min(self.page, int(query["limit"][0]))
        following = {"offset": end} if end < len(self.users) else None
        return make_answer(
            {"items": self.users[start:end], "_pagination": {"offset": start, "next": following}}
        )


def make_answer(value: object, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def hub(monkeypatch) -> Iterator[SmallHub]:
    small = SmallHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(small.reply(self.path, self.headers["Authorization"]))

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        small.url = f"http://127.0.0.1:{server.server_port}/hub/api"
        monkeypatch.setenv("JUPYTERHUB_API_URL", small.url)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
        yield small
        server.shutdown()


@pytest.fixture
def stale_mounts(capsys) -> Callable[[], tuple[int, str]]:
    """Run the command; return its status, and all that it said."""

    def call() -> tuple[int, str]:
        status = main(["storage", "stale-mounts"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


def test_a_folder_of_a_group_that_was_left_is_listed(hub, stale_mounts):
    hub.users = [
        make_user("ada", ["/x/genes", "/maps"], GENES, MAPS),
        make_user("eve", ["genes", "/x", "/Maps"], GENES, MAPS),
    ]
    assert stale_mounts() == (
        0,
        "/user/eve/ has genes (read and write), and eve is not in /x/genes any more\n"
        "/user/eve/ has maps (read only), and eve is not in /maps any more\n",
    )


def test_nobody_is_a_sentence(hub, stale_mounts):
    assert stale_mounts() == (0, NOBODY)
    hub.users = [make_user("ada", []), make_user("eve", ["/maps"], MAPS)]
    assert stale_mounts() == (0, NOBODY)


def test_all_pages_are_read(hub):
    hub.page = 3
    hub.users = [make_user(f"u{number}", []) for number in range(10)]
    assert list(list_active_users(hub.url, TOKEN)) == hub.users


@pytest.mark.parametrize("hidden", ["state", "groups", "servers"])
def test_what_the_token_may_not_read_is_never_an_all_clear(hub, stale_mounts, hidden):
    """The hub leaves out of its answer what a scope is missing for."""
    user = make_user("eve", [], GENES)
    user.pop(hidden, None)
    for server in user.get("servers", {}).values():
        server.pop(hidden, None)
    hub.users = [user]
    status, said = stale_mounts()
    assert status == 1
    assert "scope" in said


def test_a_server_that_is_just_being_started_has_no_state_and_no_folder():
    user = {"name": "ada", "groups": [], "servers": {"": {"url": "/user/ada/", "state": None}}}
    assert list(find_stale_mounts([user])) == []


# What is no answer


def test_a_token_that_the_hub_refuses_is_not_repeated(hub, stale_mounts):
    hub.token = "another"
    status, said = stale_mounts()
    assert status == 1
    assert "answered 403 Forbidden" in said
    assert TOKEN not in said


NONSENSE = [
    b"",
    b"hello\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{",
    b"HTTP/1.0 200 OK\r\n\r\n<html>Log in</html>",
    b"HTTP/1.0 200 OK\r\n\r\n\xff\xfe",
    b"HTTP/1.0 302 Found\r\nLocation: /hub/login\r\n\r\n",
    make_answer({}, "503 Service Unavailable"),
    make_answer([]),  # a hub without pages
    make_answer({}),
    make_answer(None),
    make_answer({"items": []}),
    make_answer({"items": None, "_pagination": {"next": None}}),
    make_answer({"items": [], "_pagination": {"next": {"limit": 1}}}),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_a_nonsense_answer_is_said_to_be_one(hub, answer):
    hub.answer = answer
    with pytest.raises(HubUnavailable, match=hub.url) as raised:
        list(list_active_users(hub.url, TOKEN))
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/hub/api", "127.0.0.1/hub/api", "nonsense"])
def test_a_hub_that_is_not_there_is_named(url):
    with pytest.raises(HubUnavailable, match=url) as raised:
        list(list_active_users(url, TOKEN))
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0", "é", "…"])
def test_a_token_that_no_request_can_carry_is_not_repeated(hub, stale_mounts, monkeypatch, end):
    """One from a file often has the line's end."""
    if end != "\0":
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN + end)
    _, said = stale_mounts()
    assert TOKEN not in said
    with pytest.raises(HubUnavailable) as raised:
        list(list_active_users(hub.url, TOKEN + end))
    assert TOKEN not in str(raised.value)


def test_a_token_is_sent_as_it_is(hub, stale_mounts, monkeypatch):
    hub.token = "ends-with-a/"
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", hub.token)
    assert stale_mounts() == (0, NOBODY)


@pytest.mark.parametrize("name", ["JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"])
def test_a_variable_that_is_not_set_is_named(hub, stale_mounts, monkeypatch, name):
    for unset in (lambda: monkeypatch.delenv(name), lambda: monkeypatch.setenv(name, "")):
        unset()
        status, said = stale_mounts()
        assert status == 1
        assert f"{name} is not set" in said


def test_a_folder_that_another_group_still_gives_is_no_news():
    assert list(find_stale_mounts([make_user("grace", ["/x/all"], GENES)])) == []

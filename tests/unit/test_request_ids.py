"""One id follows a request, and no other."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from kubernetes_asyncio.client import ApiClient, CoreV1Api
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, GZipContentEncoding, RequestHandler

from jhub_gateway import __version__
from jhub_gateway.clients.user_agents import name_caller
from jhub_gateway.request_ids import (
    HEADER,
    RequestIdFilter,
    get_request_id,
    outside_requests,
    pick_request_id,
    trace_requests,
)

ME = f"jhub-gateway/{__version__}"


@pytest.mark.parametrize("value", ["a", "4F0a.b_c-1", "x" * 64])
def test_an_id_of_the_proxy_is_taken(value):
    assert pick_request_id(value) == value


@pytest.mark.parametrize("value", [None, "", "x" * 65, "a b", "a\nb", "a%s", "é", "a,a", "a\n"])
def test_anything_else_is_replaced(value):
    ids = {pick_request_id(value) for _ in range(3)}
    assert len(ids) == 3
    assert all(8 <= len(made) <= 12 and made.isalnum() for made in ids)


# The log


class Lines(logging.Handler):
    """Keeps what it formats, as two handlers of one hub do."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))


@pytest.fixture
def app():
    """What a hub has that requests are traced in."""
    log = logging.Logger("hub", logging.DEBUG)
    log.handlers = [Lines(), Lines()]
    return SimpleNamespace(log=log, tornado_settings={})


class Asked(RequestHandler):
    """Waits for its turn, logs, leaves a task of each kind, and says what it knows of itself."""

    async def get(self, name: str) -> None:
        kinds, turn = self.settings["kinds"], self.settings["turns"][name]
        kinds["inherited"].append(asyncio.create_task(read_later(turn)))
        with outside_requests():
            kinds["outliving"].append(asyncio.create_task(read_later(turn)))
        self.settings["on_asked"]()
        await turn.wait()
        self.settings["log"].info("100%% of %s, %s", name, self.request.headers[HEADER])
        self.write(get_request_id())


async def read_later(turn: asyncio.Event) -> str:
    await turn.wait()
    return get_request_id()


@pytest.fixture
async def ask(app):
    """Serves ``Asked`` as the hub would; returns what asks it, by name and header."""
    trace_requests(app)
    app.turns = {name: asyncio.Event() for name in "ab"}
    app.kinds = {"inherited": [], "outliving": []}
    app.both_wait = asyncio.Event()

    def on_asked() -> None:
        if len(app.kinds["outliving"]) == 2:
            app.both_wait.set()

    own = {"turns": app.turns, "kinds": app.kinds, "on_asked": on_asked, "log": app.log}
    server = HTTPServer(Application([("/([ab])", Asked)], **app.tornado_settings, **own))
    socket, port = bind_unused_port()
    server.add_socket(socket)

    def fetch(name: str, header: str | None = None):
        headers = {} if header is None else {HEADER: header}
        return AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/{name}", headers=headers)

    fetch.port = port
    yield fetch
    server.stop()


async def test_two_requests_at_once_keep_their_ids(app, ask):
    first, second = asyncio.ensure_future(ask("a", "one")), asyncio.ensure_future(ask("b", "two"))
    await app.both_wait.wait()
    app.turns["b"].set()
    answers = [await second]
    app.turns["a"].set()
    answers.append(await first)
    assert [(answer.body, answer.headers[HEADER]) for answer in answers] == [
        (b"two", "two"),
        (b"one", "one"),
    ]
    for handler in app.log.handlers:
        assert handler.lines == ["100% of b, two [request two]", "100% of a, one [request one]"]
    assert sorted([await task for task in app.kinds["inherited"]]) == ["one", "two"]
    assert [await task for task in app.kinds["outliving"]] == ["", ""]
    assert get_request_id() == ""


async def test_a_kept_connection_does_not_keep_the_id(app, ask):
    app.turns["a"].set()
    reader, writer = await asyncio.open_connection("127.0.0.1", ask.port)
    ids = []
    for header in ("X-Request-Id: one\r\n", "", "X-Request-Id: <no id>\r\n"):
        writer.write(f"GET /a HTTP/1.1\r\nHost: hub\r\n{header}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
        body = (await reader.readexactly(int(fields["content-length"]))).decode()
        assert body == fields["x-request-id"]
        ids.append(body)
    writer.close()
    assert ids[0] == "one"
    assert len(set(ids)) == 3
    assert not any("no id" in line for line in app.log.handlers[0].lines)


def test_compressed_answers_stay_so(app):
    app.tornado_settings["compress_response"] = True
    trace_requests(app)
    assert Application([], **app.tornado_settings).transforms[0] is GZipContentEncoding


@pytest.fixture
def log(app, monkeypatch):
    """A hub's log, in a request."""
    monkeypatch.setattr("jhub_gateway.request_ids.get_request_id", lambda: "one")
    for handler in app.log.handlers:
        handler.addFilter(RequestIdFilter())
    return app.log


def test_a_traceback_comes_after_the_id(log):
    try:
        raise ValueError("100%")
    except ValueError as problem:
        log.exception(problem)
    for handler in log.handlers:
        assert handler.lines[0].startswith("100% [request one]\nTraceback")
        assert handler.lines[0].count("[request") == 1


def test_arguments_of_both_kinds_stay(log):
    log.info("%(percent)d%%", {"percent": 5})
    log.info("done: 5%")
    assert log.handlers[0].lines == ["5% [request one]", "done: 5% [request one]"]


def test_what_a_json_formatter_takes_apart_stays_whole(log):
    log.info({"event": "start"})
    [record] = log.handlers[0].records
    assert (record.msg, record.request_id) == ({"event": "start"}, "one")


def test_outside_a_request_nothing_is_added(app):
    app.log.handlers[0].addFilter(RequestIdFilter())
    app.log.info("hello")
    [record] = app.log.handlers[0].records
    assert (record.getMessage(), record.request_id) == ("hello", "")


# The calls of the Kubernetes API


async def test_each_call_names_its_request(monkeypatch):
    sent: list[dict[str, str]] = []

    async def request(_method, _url, headers, **_rest):
        sent.append(headers)

    ids = iter(["one", "", "two"])
    monkeypatch.setattr("jhub_gateway.clients.user_agents.get_request_id", lambda: next(ids))
    async with ApiClient() as client:
        client.set_default_header("X-Own", "kept")
        name_caller(client)
        name_caller(client)
        monkeypatch.setattr(client, "request", request)
        api = CoreV1Api(client)
        for _ in range(3):
            await api.read_namespaced_pod("ada", "users", _preload_content=False)
    assert [headers["User-Agent"] for headers in sent] == [
        f"{ME} (request one)",
        ME,
        f"{ME} (request two)",
    ]
    assert sent[0]["X-Own"] == "kept"

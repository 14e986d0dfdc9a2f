"""What a running Jupyter server says of its use, and what it tells its JupyterLab."""

import contextlib
import json
import time
import uuid
from urllib.error import HTTPError

import pytest

from tests.fixtures.thread_server import QuietHandler, ThreadServer
from tests.unit.notebook_server import TOKEN, NotebookServer, run_notebook_server

KEY = "key-of-this-run"
HUB_TOKEN = "token-at-the-hub"
USE = "jhub-gateway/use"
NOTHING = b'{"stop": null}'


class Hub(ThreadServer):
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = []
        self.answer = (200, b"{}")
        super().__init__(HubHandler, "127.0.0.1")


class HubHandler(QuietHandler):
    def do_POST(self) -> None:
        body = json.loads(self.read_body())
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        self.answer(*self.server.answer)


@pytest.fixture(scope="module")
def hub():
    hub = Hub()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, hub):
    variables = {
        "JHUB_GATEWAY_USE_KEY": KEY,
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": HUB_TOKEN,
        "JUPYTERHUB_USER": "ada",
        "JUPYTERHUB_SERVER_NAME": "big",
        "SHELL": "/bin/bash",
    }
    with run_notebook_server(tmp_path_factory.mktemp("server"), **variables) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(server):
    """Nothing is announced, and what the test before began is over."""
    server.post("jhub-gateway/presence")
    ask(server)


def ask(server: NotebookServer, body: bytes = NOTHING, key: str = KEY) -> dict:
    return json.loads(server.post(USE, body, None, X_Jhub_Gateway_Key=key))


def wait_for(server: NotebookServer, condition, seconds: float = 20) -> dict:
    end = time.monotonic() + seconds
    while not condition(use := ask(server)):
        assert time.monotonic() < end, use
        time.sleep(0.1)
    return use


def expect_no_use(server: NotebookServer, seconds: float = 1.5) -> dict:
    """Nothing counts that happened since a moment ago."""
    time.sleep(seconds)
    use = ask(server)
    assert use["idle_for"] >= seconds
    return use


@contextlib.contextmanager
def run_kernel(server: NotebookServer):
    """Yield the kernel's websocket, and a function that has code executed."""
    kernel = json.loads(server.post("api/kernels"))["id"]
    channel = server.open_websocket(f"api/kernels/{kernel}/channels")

    def execute(code: str) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "test"}
        header |= {"username": "ada", "version": "5.3", "date": "2199-11-21T15:05:00Z"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        content |= {"user_expressions": {}, "stop_on_error": True}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        channel.send(json.dumps({**message, "channel": "shell", "buffers": []}))

    def is_idle() -> bool:
        return json.loads(server.get(f"api/kernels/{kernel}"))["execution_state"] == "idle"

    wait_for(server, lambda _: is_idle(), 60)
    yield channel, execute
    channel.close()
    server.delete(f"api/kernels/{kernel}")


@contextlib.contextmanager
def run_terminal(server: NotebookServer):
    name = json.loads(server.post("api/terminals"))["name"]
    channel = server.open_websocket(f"terminals/websocket/{name}")
    yield lambda text: channel.send(json.dumps(["stdin", text]))
    channel.close()
    server.delete(f"api/terminals/{name}")


def expect_status(status: int, call, *arguments, **more) -> str:
    with pytest.raises(HTTPError) as refusal:
        call(*arguments, **more)
    assert refusal.value.code == status
    return refusal.value.read().decode()


def test_the_polling_of_an_open_page_is_no_use_and_a_request_of_somebodys_is(server):
    for path in ("api/kernels", "api/sessions", "api/contents", "api/terminals"):
        server.get(path)
    server.get("jhub-gateway/stop")
    use = expect_no_use(server)
    # It asked for what is announced, as a page does.
    assert use["disconnected_for"] == 0
    assert (use["busy_for"], use["busy"]) == (None, "")
    # Run by a test, its memory is limited by nothing.
    assert use["memory_peak"] is None
    server.post("api/contents", b'{"type": "directory"}')
    assert ask(server)["idle_for"] < 1.5


def test_a_request_of_nobodys_is_no_use(server):
    expect_status(403, server.post, "api/contents", token=None)
    expect_status(403, server.post, "jhub-gateway/presence", token="somebody-else")
    expect_no_use(server)


def test_what_a_page_that_tells_of_presence_sends_by_itself_is_no_use(server):
    page = server.url + "lab/tree/notebook.ipynb"
    save = {"body": b'{"type": "directory"}', "Referer": page}
    server.post("api/contents", **save)
    assert ask(server)["idle_for"] < 1.5
    server._request("GET", "jhub-gateway/stop", TOKEN, None, {"Referer": page})
    ask(server)
    time.sleep(1.5)
    server.post("api/contents", **save)
    assert ask(server)["idle_for"] >= 1.5
    # Another page tells nothing.
    server.post("api/contents", **{**save, "Referer": server.url + "rstudio/"})
    assert ask(server)["idle_for"] < 1.5
    time.sleep(1.5)
    server.post("jhub-gateway/presence", Referer=page)
    assert ask(server)["idle_for"] < 1.5


def test_a_page_that_somebody_opened_with_a_click_is_use(server):
    time.sleep(1.5)
    server._request("GET", "lab", TOKEN, None, {"Sec-Fetch-User": "?1"})
    assert ask(server)["idle_for"] < 1.5


def test_a_kernel_is_busy_while_it_works_and_its_prints_are_no_use(server):
    code = "import time\nfor i in range(40): print(i, flush=True); time.sleep(0.1)"
    with run_kernel(server) as (channel, execute):
        assert ask(server)["busy"] == ""
        time.sleep(1)
        execute(code)
        began = wait_for(server, lambda use: use["busy"] == "1 kernel")
        assert began["idle_for"] < 1
        use = expect_no_use(server, 2)
        assert use["busy_for"] >= 2
        assert use["disconnected_for"] == 0
        done = wait_for(server, lambda use: use["busy_for"] is None)
        assert done["idle_for"] < 1
        channel.close()
        wait_for(server, lambda use: use["idle_for"] > 1)


def test_work_too_short_for_any_look_is_use(server):
    with run_kernel(server) as (_, execute):
        time.sleep(1.5)
        before = ask(server)
        execute("1 + 1")
        after = wait_for(server, lambda use: use["idle_for"] < before["idle_for"])
        assert after["busy_for"] is None or after["busy_for"] < 1


def test_a_terminal_is_busy_while_a_program_has_it(server):
    with run_terminal(server) as send:
        time.sleep(1)
        idle = ask(server)
        assert (idle["busy_for"], idle["disconnected_for"]) == (None, 0)
        send("sleep 3; echo done\r")
        wait_for(server, lambda use: use["busy"] == "1 terminal")
        use = expect_no_use(server)
        assert use["busy_for"] >= 1.5
        assert wait_for(server, lambda use: use["busy_for"] is None)["idle_for"] < 1


def test_a_loop_in_a_terminal_is_one_work_and_what_it_prints_is_no_use(server):
    with run_terminal(server) as send:
        time.sleep(1)
        assert ask(server)["busy"] == ""
        send("for i in $(seq 300); do echo $i; sleep 0.01; done\r")
        wait_for(server, lambda use: use["busy"] == "1 terminal")
        end = time.monotonic() + 2
        last = [ask(server)["busy_for"] for _ in iter(lambda: time.monotonic() < end, False)][-1]
        assert last >= 1.5
        wait_for(server, lambda use: use["busy_for"] is None)


def test_typing_in_a_terminal_is_use(server):
    with run_terminal(server) as send:
        time.sleep(1)
        before = ask(server)
        # The time at which a terminal was read goes forward at each multiple of 8 seconds alone.
        time.sleep(8 - time.time() % 8 + 0.2)
        send("words")
        wait_for(server, lambda use: use["idle_for"] < before["idle_for"] + 0.2)
        assert ask(server)["busy"] == ""


def test_a_job_of_a_kernel_counts_after_the_kernel_is_idle(server):
    with run_kernel(server) as (_, execute):
        execute("from jhub_gateway.notebook import job; one = job('simulation')")
        wait_for(server, lambda use: use["busy"] == "1 job")
        execute("one.end()")
        wait_for(server, lambda use: use["busy"] == "")


def test_kernels_and_terminals_do_not_inherit_the_key(server):
    code = "import os; open('seen', 'w').write(os.environ.get('JHUB_GATEWAY_USE_KEY', 'none'))"
    with run_kernel(server) as (_, execute):
        execute(code)
        wait_for(server, lambda _: (server.home / "seen").exists())
        wait_for(server, lambda use: use["busy"] == "")
    assert (server.home / "seen").read_text() == "none"
    with run_terminal(server) as send:
        send("echo ${JHUB_GATEWAY_USE_KEY-none} > typed\r")
        wait_for(server, lambda _: (server.home / "typed").exists())
    assert (server.home / "typed").read_text() == "none\n"


def test_the_key_alone_opens_the_use(server):
    for key in ("", "key-of-this-ru", KEY + "x", "schlüssel", "\xff"):
        expect_status(403, ask, server, key=key)
    expect_status(403, server.post, USE, NOTHING, TOKEN)
    expect_status(405, server.get, USE)


def test_a_server_without_a_key_says_nothing(tmp_path):
    with run_notebook_server(tmp_path) as server:
        expect_status(404, ask, server)
        expect_status(404, ask, server, key="")
        assert json.loads(server.get("jhub-gateway/stop")) == {}
        server.post("jhub-gateway/presence")
        expect_status(404, server.post, "jhub-gateway/keep")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"end": null}',
        b"[" * 4000,
        b"\xff\xfe{}",
        b'{"stop": 1}',
        b'{"stop": {}}',
        b'{"stop": {"seconds": "1", "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": NaN, "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": Infinity, "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": -1, "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": true, "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": ' + b"9" * 3000 + b', "why": "w", "keep_seconds": 0}}',
        b'{"stop": {"seconds": 1, "why": "two\\nlines", "keep_seconds": 0}}',
        b'{"stop": {"seconds": 1, "why": "' + b"w" * 501 + b'", "keep_seconds": 0}}',
        b'{"stop": {"seconds": 1, "why": "w", "keep_seconds": null}}',
        b'{"stop": {"seconds": 1, "why": "w", "keep_seconds": 0, "cause": ["idle"]}}',
        b'{"stop": {"seconds": 1, "why": "w", "keep_seconds": 0, "cause": "hunger"}}',
    ],
)
def test_a_body_that_is_no_question_of_ours_is_refused_and_shows_nothing(server, body):
    assert "cannot be read" in expect_status(400, ask, server, body)
    assert json.loads(server.get("jhub-gateway/stop")) == {}


def test_a_long_body_is_not_even_read(server):
    with pytest.raises((HTTPError, OSError)):
        ask(server, b'{"stop": null}' + b" " * 10_000_000)
    assert ask(server)["busy"] == ""


def announce(server: NotebookServer, **more) -> dict:
    stop = {"seconds": 1500, "why": "nobody has used it for 3 hours", "keep_seconds": 14400}
    ask(server, json.dumps({"stop": {**stop, **more}}).encode())
    return json.loads(server.get("jhub-gateway/stop"))


def test_a_question_alone_changes_nothing_that_is_announced(server):
    announce(server)
    assert ask(server, b"{}")["busy"] == ""
    assert json.loads(server.get("jhub-gateway/stop"))["keep_seconds"] == 14400
    ask(server)
    assert json.loads(server.get("jhub-gateway/stop")) == {}


def test_what_is_announced_reaches_the_servers_own_user_alone(server):
    shown = announce(server, cause="age")
    assert 1495 < shown.pop("seconds") <= 1500
    assert shown == {"why": "nobody has used it for 3 hours", "keep_seconds": 14400}
    expect_status(403, server.get, "jhub-gateway/stop", None)
    server.post("jhub-gateway/presence")
    assert json.loads(server.get("jhub-gateway/stop"))["keep_seconds"] == 14400
    ask(server)
    assert json.loads(server.get("jhub-gateway/stop")) == {}


def test_presence_takes_back_a_stop_for_want_of_use_at_once(server):
    assert announce(server, cause="idle")["keep_seconds"] == 14400
    server.post("jhub-gateway/presence")
    assert json.loads(server.get("jhub-gateway/stop")) == {}


def test_the_hub_is_asked_to_keep_the_server_with_its_own_token(server, hub):
    announce(server, cause="age")
    hub.answer = (200, b'{"seconds": 15900, "granted": 14400, "more": 0, "else": "x"}')
    hub.asked.clear()
    answer = json.loads(server.post("jhub-gateway/keep"))
    assert answer == {"seconds": 15900, "granted": 14400, "more": 0}
    body = {"user": "ada", "server": "big"}
    assert hub.asked == [("/hub/api/gateway/keep", f"token {HUB_TOKEN}", body)]
    assert json.loads(server.get("jhub-gateway/stop")) == {}
    expect_status(403, server.post, "jhub-gateway/keep", token=None)
    assert len(hub.asked) == 1


def test_the_hubs_sentence_is_passed_on_and_its_trouble_is_not(server, hub):
    announce(server, cause="age")
    hub.answer = (409, b'{"message": "It was kept for as long as it may be."}')
    refusal = expect_status(409, server.post, "jhub-gateway/keep")
    assert json.loads(refusal) == {"message": "It was kept for as long as it may be."}
    for answer in ((403, b'{"message": "scopes"}'), (500, b"<html>"), (200, b"[]"), (200, b"{")):
        hub.answer = answer
        trouble = json.loads(expect_status(502, server.post, "jhub-gateway/keep"))
        assert "on the hub's home page" in trouble["message"]
    # Nothing was kept: it is announced still.
    assert json.loads(server.get("jhub-gateway/stop"))["keep_seconds"] == 14400


def test_no_secret_is_in_the_log(server):
    log = server.read_log()
    assert KEY not in log
    assert HUB_TOKEN not in log
    assert "cannot see how the server is used" not in log

"""What a trouble is in a sentence: the errors that real clients raise at real servers."""

import errno
import json
import socket
from ftplib import Error as FtpError
from pathlib import Path

import httpx
import pytest
import requests
import tes
from pyDataverse.api import NativeApi
from pyDataverse.auth import ApiTokenAuth

from jhub_gateway.notebook import CredentialEnded, JobFailed
from jhub_gateway.notebook.troubles import DISK, FTP_LOGIN, MEMORY, find_sentence, is_passing
from tests.fixtures.thread_server import QuietHandler, ThreadServer

SECRET = "secret-4711"


class Answering(QuietHandler):
    """Answers all with the server's `status` and `text`."""

    status, text = 200, ""

    def do_GET(self):
        self.read_body()
        self.answer(self.status, self.text.encode(), Content_Type="application/json")

    do_POST = do_GET


@pytest.fixture
def start():
    """Start a server that answers all with a status and a text; return its address."""
    servers = []

    def run(status, text=""):
        kind = type("Kind", (Answering,), {"status": status, "text": text})
        servers.append(ThreadServer(kind, "127.0.0.1"))
        return servers[-1].url

    yield run
    for server in servers:
        server.stop()


@pytest.fixture
def closed():
    """An address where nobody listens, for as long as the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def ask_by_requests(url):
    requests.get(f"{url}/runs?key={SECRET}", timeout=10).raise_for_status()


def ask_by_httpx(url):
    httpx.get(f"{url}/runs?key={SECRET}").raise_for_status()


def ask_by_py_tes(url):
    tes.HTTPClient(url, token=SECRET).get_task("1")


def ask_by_pydataverse(url):
    NativeApi(url, auth=ApiTokenAuth(SECRET)).get_dataset("doi:1").raise_for_status()


def ask_by_arvados(url):
    arvados = pytest.importorskip("arvados")
    discovery = f"{url}/discovery/{{apiVersion}}/rest"
    arvados.api("v1", token=SECRET, discoveryServiceUrl=discovery, num_retries=0, cache=False)


CLIENTS = [ask_by_requests, ask_by_httpx, ask_by_py_tes, ask_by_pydataverse, ask_by_arvados]


def catch(ask, *arguments):
    """Return what a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        ask(*arguments)
    return caught.value


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_service_that_is_down_is_told(ask, closed):
    error = catch(ask, closed)
    assert "does not answer: it is down" in find_sentence(error)
    assert SECRET not in find_sentence(error)
    assert is_passing(error)


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_credential_that_is_not_accepted_is_told(ask, start):
    error = catch(ask, start(401, json.dumps({"message": "Unauthorized"})))
    sentence = find_sentence(error)
    assert sentence.startswith("127.0.0.1 does not accept your credential (401). Run the cell")
    assert SECRET not in sentence
    assert not is_passing(error)


@pytest.mark.parametrize("ask", CLIENTS[:-1])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_with_a_problem_is_told_and_asked_again(ask, status, start):
    error = catch(ask, start(status, "<html>nginx</html>"))
    assert find_sentence(error) == (
        f"127.0.0.1 has a problem just now ({status}), which is not of your making. Run the cell "
        "again in some minutes."
    )
    assert is_passing(error)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (403, "", "127.0.0.1 does not let you do this (403). Ask the gateway's support for it."),
        (404, "", "127.0.0.1 refused this request (404)."),
        (400, '{"msg": "no\\n CWL"}', "127.0.0.1 refused this request (400). It said: no CWL"),
        (400, '{"detail": "no"}', "127.0.0.1 refused this request (400). It said: no"),
        (400, '{"msg": 7}', "127.0.0.1 refused this request (400)."),
        (400, "[1]", "127.0.0.1 refused this request (400)."),
        (400, "x" * 999, f"127.0.0.1 refused this request (400). It said: {'x' * 300}…"),
        (
            500,
            '{"message": "disk"}',
            "127.0.0.1 has a problem just now (500), which is not of your making. Run the cell "
            "again in some minutes. It said: disk",
        ),
    ],
)
def test_what_a_service_says_is_told(status, body, sentence, start):
    assert find_sentence(catch(ask_by_requests, start(status, body))) == sentence
    assert find_sentence(catch(ask_by_httpx, start(status, body))) == sentence


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_home_is_told(number):
    assert find_sentence(OSError(number, "no space", "months.csv")) == DISK


def test_a_full_disk_is_told_by_a_real_file_system():
    assert find_sentence(catch(Path("/dev/full").write_text, "months")) == DISK


def test_a_module_that_is_missing_is_told():
    sentence = find_sentence(catch(__import__, "no_such_module_here"))
    assert sentence.startswith("This server has no module 'no_such_module_here'. Ask the gateway's")


def test_too_little_memory_is_told():
    assert find_sentence(MemoryError()) == MEMORY


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FtpError("530 Login incorrect."), FTP_LOGIN),
        (FtpError("552 Quota."), "There is no space left on the FTP server"),
        (FtpError("550 No such file."), "The FTP server refused, and said: 550 No such"),
        (EOFError(), "A service of the gateway does not answer"),
        (TimeoutError(), "A service of the gateway does not answer"),
        (socket.gaierror(-2, "unknown"), "A service of the gateway does not answer"),
        (OSError(errno.EHOSTUNREACH, "no route"), "A service of the gateway does not answer"),
    ],
)
def test_ftp_and_the_network_are_told(error, words):
    assert find_sentence(error).startswith(words)


@pytest.mark.parametrize(
    "error", [CredentialEnded("Log in again."), JobFailed("Log in again.", "CANCELED")]
)
def test_own_errors_are_sentences_already(error):
    assert find_sentence(error) == "Log in again."
    assert not is_passing(error)


def test_what_came_of_a_known_trouble_is_that_trouble():
    def fail():
        try:
            raise OSError(errno.ENOSPC, "no space")
        except OSError as error:
            raise RuntimeError("the figure could not be saved") from error

    assert find_sentence(catch(fail)) == DISK


def test_what_was_said_to_have_nothing_to_do_with_it_has_not():
    def fail():
        try:
            raise OSError(errno.ENOSPC, "no space")
        except OSError:
            raise RuntimeError("something else") from None

    assert find_sentence(catch(fail)) is None


@pytest.mark.parametrize(
    "error", [KeyError("a"), ValueError("b"), FileNotFoundError(2, "no"), AssertionError()]
)
def test_nothing_is_said_of_what_is_not_known(error):
    assert find_sentence(error) is None
    assert not is_passing(error)


def test_a_chain_that_leads_back_to_itself_ends():
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert find_sentence(first) is None

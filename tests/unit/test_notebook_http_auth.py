"""The token in real requests: both libraries, a real service, and what it answers."""

import asyncio
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import requests

from jhub_gateway.notebook import CredentialEnded, CredentialExpired, auth
from tests.unit.credential_files import PodFiles, make_ended_files, make_files


class Service:
    """A protected HTTP service. It takes ``good``, and keeps each request's path and token."""

    def __init__(self) -> None:
        self.good = "first"
        self.seen: list[tuple[str, str, str]] = []
        self.on_refusal = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def tokens(self) -> list[str]:
        return [token for _, token, _ in self.seen]

    def _make_handler(service):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self._read_body()
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                service.seen.append((self.path, token, body))
                if self.path.startswith("/to/"):
                    self._answer(307, Location=self.path.removeprefix("/to/"))
                elif token == service.good:
                    self._answer(200)
                else:
                    service.on_refusal()
                    self._answer(401, **{"WWW-Authenticate": "Bearer"})

            do_POST = do_GET

            def _read_body(self) -> str:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body.decode()

            def _answer(self, status: int, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


class Requests:
    """Requests by way of requests, in a session, so that connections are used again."""

    def __init__(self) -> None:
        self._session = requests.Session()

    def send(self, method: str, url: str, **options):
        stream = options.pop("stream", None)
        data = options.pop("text", stream)
        return self._session.request(method, url, data=data, timeout=20, **options)

    def close(self) -> None:
        self._session.close()


class Httpx:
    """Requests by way of httpx."""

    def __init__(self) -> None:
        self._client = httpx.Client(follow_redirects=True, trust_env=False, timeout=20)

    def send(self, method: str, url: str, **options):
        return self._client.request(method, url, **make_content(options))

    def close(self) -> None:
        self._client.close()


class AsyncHttpx:
    """Requests by way of httpx's client for asyncio."""

    def send(self, method: str, url: str, **options):
        return asyncio.run(self._send(method, url, **make_content(options)))

    async def _send(self, method: str, url: str, **options):
        if (content := options.get("content")) is not None and not isinstance(content, str):
            options["content"] = self._make_stream(content)
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False, timeout=20) as client:
            return await client.request(method, url, **options)

    async def _make_stream(self, content):
        for part in content:
            yield part

    def close(self) -> None:
        pass


def make_content(options):
    text, stream = options.pop("text", None), options.pop("stream", None)
    content = text if stream is None else stream
    return options if content is None else {**options, "content": content}


@pytest.fixture(params=[Requests, Httpx, AsyncHttpx])
def client(request):
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def make_service() -> Iterator:
    made = []

    def make() -> Service:
        made.append(Service())
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def files(tmp_path, monkeypatch):
    made = PodFiles(tmp_path / "credentials")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    made.write(make_files("first"))
    return made


def renew_on_refusal(service: Service, files: PodFiles) -> None:
    """The service takes the second token; it comes to the disk while the first is refused."""
    service.good = "second"
    service.on_refusal = lambda: files.write(make_files("second"))


def test_each_request_carries_the_token_that_is_on_the_disk(client, service, files):
    one = auth()
    for text in ("first", "second"):
        service.good = text
        files.write(make_files(text))
        assert client.send("GET", service.url, auth=one).status_code == 200
    assert service.tokens == ["first", "second"]


def test_a_refused_token_is_read_again_and_the_request_repeated(client, service, files):
    renew_on_refusal(service, files)
    answer = client.send("POST", f"{service.url}/runs", text="body", auth=auth())
    assert answer.status_code == 200
    assert service.seen == [("/runs", "first", "body"), ("/runs", "second", "body")]
    assert [one.status_code for one in answer.history] == [401]
    assert answer.request.headers["Authorization"] == "Bearer second"


def test_a_refusal_is_passed_on_if_the_token_is_the_same(client, service, files):
    service.good = "another"
    assert client.send("GET", service.url, auth=auth()).status_code == 401
    assert service.tokens == ["first"]


def test_a_request_is_repeated_once(client, service, files):
    service.good = "another"
    texts = iter(["second", "third", "fourth"])
    service.on_refusal = lambda: files.write(make_files(next(texts)))
    assert client.send("GET", service.url, auth=auth()).status_code == 401
    assert service.tokens == ["first", "second"]


def make_generator():
    yield b"part "
    yield b"part"


@pytest.mark.parametrize("make_stream", [make_generator, lambda: io.BytesIO(b"part part")])
def test_a_stream_is_sent_once_alone(client, service, files, make_stream):
    renew_on_refusal(service, files)
    answer = client.send("POST", service.url, stream=make_stream(), auth=auth())
    assert answer.status_code == 401
    assert service.seen == [("/", "first", "part part")]


def test_an_answer_without_a_refusal_is_sent_once(client, service, files):
    answer = client.send("POST", f"{service.url}/to//here", text="body", auth=auth())
    assert answer.status_code == 200
    assert service.seen == [("/to//here", "first", "body"), ("/here", "first", "body")]


def test_a_redirect_to_another_host_loses_the_token(client, service, files):
    # Another name of the same address is another host.
    elsewhere = f"http://localhost:{service.port}/there"
    renew_on_refusal(service, files)
    answer = client.send("GET", f"{service.url}/to/{elsewhere}", auth=auth())
    assert answer.status_code == 401
    assert [(path, token) for path, token, _ in service.seen][1:] == [("/there", "")]


def test_a_redirect_to_another_port_loses_the_token(client, service, files, make_service):
    other = make_service()
    renew_on_refusal(other, files)
    answer = client.send("GET", f"{service.url}/to/{other.url}/there", auth=auth())
    assert answer.status_code == 401
    assert other.seen == [("/there", "", "")]


def test_what_is_refused_behind_a_redirect_is_repeated_alone(client, service, files):
    renew_on_refusal(service, files)
    answer = client.send("POST", f"{service.url}/to//here", text="body", auth=auth())
    assert answer.status_code == 200
    assert service.seen == [
        ("/to//here", "first", "body"),
        ("/here", "first", "body"),
        ("/here", "second", "body"),
    ]


def test_a_login_that_ended_meanwhile_is_told_in_place_of_the_refusal(client, service, files):
    service.good = "another"
    service.on_refusal = lambda: files.write(make_ended_files())
    with pytest.raises(CredentialEnded, match="Log in again"):
        client.send("GET", service.url, auth=auth())
    assert service.tokens == ["first"]


def test_an_expired_token_is_not_sent(client, service, files):
    files.write(make_files("first", seconds=-1))
    with pytest.raises(CredentialExpired):
        client.send("GET", service.url, auth=auth(wait=0))
    assert service.seen == []


def test_a_renewal_that_comes_late_is_waited_for(client, service, files):
    service.good = "second"
    files.write(make_files("first", seconds=-1))
    renewal = threading.Timer(0.5, files.write, [make_files("second")])
    renewal.start()
    assert client.send("GET", service.url, auth=auth()).status_code == 200
    assert service.tokens == ["second"]
    renewal.join()


async def test_waiting_does_not_stop_an_event_loop(service, files):
    files.write(make_files("first", seconds=-1))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    turning = asyncio.create_task(turn())
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(CredentialExpired):
            await client.get(service.url, auth=auth(wait=0.5))
    turning.cancel()
    assert turns > 15


def test_one_object_serves_threads_and_both_libraries(service, files):
    one = auth()
    wrong = []

    def ask(client) -> None:
        for _ in range(15):
            try:
                assert client.send("GET", service.url, auth=one).status_code == 200
            except Exception as error:
                wrong.append(error)

    clients = [Requests(), Requests(), Httpx(), Httpx()]
    threads = [threading.Thread(target=ask, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert wrong == []
    assert service.tokens == ["first"] * 60


def test_a_session_and_a_client_take_it_for_all_their_requests(service, files):
    with requests.Session() as session:
        session.auth = auth()
        session.trust_env = False
        assert session.get(service.url, timeout=20).status_code == 200
    with httpx.Client(auth=auth(), trust_env=False) as client:
        assert client.get(service.url).status_code == 200


def test_the_text_form_holds_the_name_alone(files):
    assert repr(auth("login")) == "auth('login', wait=10.0)"

"""The proxy of the tests passes all on, and goes wrong exactly when it is told to."""

import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.fixtures.fault_proxy import EVERYTHING, FaultProxy
from tests.fixtures.thread_server import QuietHandler, ThreadServer

REFRESH = {"grant_type": "refresh_token", "refresh_token": "secret"}


class _Upstream(QuietHandler):
    seen: list[str]

    def do_GET(self) -> None:
        body = self.read_body().decode()
        self.seen.append(f"{self.command} {self.path} {self.headers['Host']} {body}")
        self.send_response(200)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET


@pytest.fixture
def seen() -> list[str]:
    """What the provider behind the proxy was asked."""
    return []


@pytest.fixture
def proxy(make_fault_proxy, seen: list[str]) -> Iterator[FaultProxy]:
    """A proxy to a server that answers `{}` to everything."""
    upstream = ThreadServer(type("Upstream", (_Upstream,), {"seen": seen}), "127.0.0.1")
    yield make_fault_proxy(upstream.url)
    upstream.stop()


def post(proxy: FaultProxy, path: str = "/token", seconds: float = 5, **form: str):
    return requests.post(proxy.url + path, data=form, timeout=seconds)


def test_without_faults_all_goes_through(proxy, seen):
    host = proxy.url.removeprefix("http://")
    answer = requests.get(f"{proxy.url}/auth?code=secret", timeout=5)
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert post(proxy, **REFRESH).ok
    assert seen == [
        f"GET /auth?code=secret {host} ",
        f"POST /token {host} grant_type=refresh_token&refresh_token=secret",
    ]


def test_records_requests_without_what_they_hold(proxy):
    requests.get(f"{proxy.url}/auth?code=secret", timeout=5)
    proxy.oauth_error("/token", "invalid_grant")
    post(proxy, **REFRESH)
    assert "secret" not in repr(proxy.requests)
    assert proxy.count("/auth") == proxy.count(method="GET") == 1
    assert proxy.count("/token", grant_type="refresh_token", fault="invalid_grant") == 1
    proxy.clear_requests()
    assert proxy.count() == 0


def test_status_and_oauth_error(proxy, seen):
    proxy.answer("/token", 429, "slow down", {"Retry-After": "7"})
    answer = post(proxy)
    assert (answer.status_code, answer.text) == (429, "slow down")
    assert answer.headers["Retry-After"] == "7"
    proxy.oauth_error("/token", "invalid_grant")
    answer = post(proxy)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert requests.get(f"{proxy.url}/jwks", timeout=5).ok
    assert len(seen) == 1


def test_garbage_is_no_json(proxy):
    proxy.garbage("/token")
    answer = post(proxy)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_drop(proxy, seen):
    proxy.drop("/token")
    with pytest.raises(requests.ConnectionError):
        post(proxy)
    assert seen == []


def test_lost_answer_reaches_the_provider(proxy, seen):
    proxy.drop("/token", after=True)
    with pytest.raises(requests.ConnectionError):
        post(proxy)
    proxy.answer("/token", 503, after=True)
    assert post(proxy).status_code == 503
    assert len(seen) == 2


def test_delay(proxy, seen):
    proxy.delay("/token", 0.3)
    began = time.monotonic()
    assert post(proxy).ok
    assert 0.3 <= time.monotonic() - began < 2
    # Who has given up is not passed on, unless the provider was to have it.
    with pytest.raises(requests.ReadTimeout):
        post(proxy, seconds=0.1)
    proxy.delay("/token", 0.3, after=True)
    with pytest.raises(requests.ReadTimeout):
        post(proxy, seconds=0.1)
    time.sleep(0.6)
    assert len(seen) == 2


def test_clear_ends_a_delay_at_once(proxy):
    proxy.delay("/jwks", 60)
    threading.Timer(0.2, proxy.clear).start()
    assert requests.get(f"{proxy.url}/jwks", timeout=5).ok


def test_clear_of_one_path(proxy):
    proxy.answer(EVERYTHING, 500)
    proxy.answer("/token", 503)
    assert post(proxy).status_code == 503
    proxy.clear("/token")
    assert post(proxy).status_code == 500
    proxy.clear()
    assert post(proxy).ok


def test_fault_for_some_requests_only(proxy):
    proxy.answer("/token", 503, grant_type="refresh_token", times=2)
    assert post(proxy, grant_type="authorization_code").ok
    assert [post(proxy, **REFRESH).status_code for _ in range(3)] == [503, 503, 200]


def test_provider_that_is_away(proxy):
    proxy.upstream = "http://127.0.0.1:9"
    assert post(proxy).status_code == 502

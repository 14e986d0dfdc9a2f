"""One realm for the tests of this folder, and a hub's ear for logout tokens."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from urllib.parse import parse_qs

import pytest

from tests.fixtures.keycloak.keycloak import Keycloak
from tests.keycloak.relying_party import RelyingParty


@pytest.fixture(scope="package")
def realm(make_keycloak) -> Keycloak:
    """A realm that tests may change, if they undo what others would notice."""
    return make_keycloak()


@pytest.fixture(scope="package")
def party(realm) -> RelyingParty:
    """The hub's client in that realm."""
    return RelyingParty(realm)


@pytest.fixture
def logout_tokens(realm) -> Iterator["Queue[str]"]:
    """The logout tokens that Keycloak sends while the test runs."""
    received: Queue[str] = Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.put(parse_qs(form)["logout_token"][0])
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever).start()
        realm.set_back_channel_url(f"http://127.0.0.1:{server.server_port}/hub/back_channel_logout")
        yield received
        realm.set_back_channel_url("")
        server.shutdown()

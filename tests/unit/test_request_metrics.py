"""Each request to the Kubernetes API is measured, by what became of it."""

import asyncio
from types import SimpleNamespace

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration
from prometheus_client import REGISTRY
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jhub_gateway.clients.kube_requests import send
from jhub_gateway.credentials.secret_requests import SecretRequests
from jhub_gateway.errors import CredentialUnavailable

METRIC = "jhub_gateway_api_request_seconds"


class ApiServer(RequestHandler):
    """Answers with the status that the path's end says; 0 is for ever."""

    async def get(self, status: str) -> None:
        if status == "0":
            await asyncio.Event().wait()
        self.set_status(int(status))
        self.write({"kind": "Status"})


@pytest.fixture
async def client():
    server = HTTPServer(Application([(r"/.*/(\d+)", ApiServer)]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    async with ApiClient(Configuration(host=f"http://127.0.0.1:{port}")) as client:
        yield client
    server.stop()


def read(part: str, status: int) -> float:
    labels = {"method": "GET", "status": str(status)}
    return REGISTRY.get_sample_value(f"{METRIC}_{part}", labels) or 0


@pytest.mark.parametrize("status", [200, 404, 429, 503])
async def test_an_answer_counts_by_its_status(client, status):
    before = read("count", status)
    answer = await send(client, "GET", f"/api/{status}", seconds=5)
    assert answer.status == status
    assert read("count", status) == before + 1


async def test_silence_counts_with_the_time_that_it_was_waited_for(client):
    before = (read("count", 0), read("sum", 0))
    assert (await send(client, "GET", "/api/0", seconds=0.2)).status == 0
    assert read("count", 0) == before[0] + 1
    assert 0.2 <= read("sum", 0) - before[1] < 2


async def test_requests_for_secrets_count_too(client):
    secrets = SecretRequests(SimpleNamespace(api_client=client), "users")
    before = read("count", 429)
    with pytest.raises(CredentialUnavailable):
        await secrets.get("429")
    assert read("count", 429) == before + 1

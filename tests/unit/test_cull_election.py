"""Which of several culling services is at work, by an API server on the loopback."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes_asyncio import config

from jhub_gateway.culler.election import open_election

LOG = logging.getLogger("cull")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class LeaseServer:
    """An API server that has Leases alone; ``status`` is what it answers instead."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.status = 0
        self._version = 0

    def make_app(self) -> web.Application:
        app = web.Application()
        app.router.add_post(LEASES, self._create)
        app.router.add_get(f"{LEASES}/{{name}}", self._read)
        app.router.add_put(f"{LEASES}/{{name}}", self._replace)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        lease = await request.json()
        return self._store(request, lease["metadata"]["name"], lease, 201)

    async def _read(self, request: web.Request) -> web.Response:
        if self.status:
            return web.json_response({"message": "no"}, status=self.status)
        lease = self.leases.get(self._get_key(request, request.match_info["name"]))
        return web.json_response(lease or {}, status=200 if lease else 404)

    async def _replace(self, request: web.Request) -> web.Response:
        lease, name = await request.json(), request.match_info["name"]
        known = self.leases[self._get_key(request, name)]["metadata"]["resourceVersion"]
        if lease["metadata"]["resourceVersion"] != known:
            return web.json_response({}, status=409)
        return self._store(request, name, lease, 200)

    def _store(self, request: web.Request, name: str, lease: Any, status: int) -> web.Response:
        self._version += 1
        lease["metadata"]["resourceVersion"] = str(self._version)
        self.leases[self._get_key(request, name)] = lease
        return web.json_response(lease, status=status)

    def _get_key(self, request: web.Request, name: str) -> str:
        return f"{request.match_info['namespace']}/{name}"


@pytest.fixture
async def cluster(monkeypatch) -> AsyncIterator[LeaseServer]:
    cluster = LeaseServer()
    server = TestServer(cluster.make_app())
    await server.start_server()

    def load(client_configuration: Any) -> None:
        client_configuration.host = str(server.make_url("")).rstrip("/")

    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setattr(config, "load_incluster_config", load)
    yield cluster
    await server.close()


def elect(namespace: str = "gateway", hub_name: str = "north"):
    return open_election(namespace, hub_name, 60, LOG)


async def test_one_is_at_work_until_it_ends(cluster):
    async with elect() as other:
        async with elect() as one:
            assert await one.is_won()
            assert not await other.is_won()
            assert await one.is_won()
        assert await other.is_won()
    [(name, lease)] = cluster.leases.items()
    assert name == "gateway/jhub-gateway-north-culler"
    assert lease["spec"]["holderIdentity"] == ""


async def test_hubs_of_other_names_have_cullers_of_their_own(cluster):
    async with elect() as one, elect(hub_name="south") as other:
        assert await one.is_won()
        assert await other.is_won()


async def test_an_api_server_that_is_away_leaves_the_work_to_who_had_it(cluster):
    async with elect() as one, elect() as other:
        assert await one.is_won()
        cluster.status = 500
        assert await one.is_won()
        assert not await other.is_won()


async def test_without_the_right_each_works_and_says_so_once(cluster, caplog):
    cluster.status = 403
    async with elect() as one:
        assert await one.is_won()
        assert await one.is_won()
    assert caplog.text.count("helm-values/manifests/beside-chart/reconciler-rbac.yaml") == 1


async def test_outside_a_pod_each_works(monkeypatch, caplog):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    async with elect() as one:
        assert await one.is_won()
    assert not caplog.text


async def test_a_pod_without_a_service_account_works_and_says_so(monkeypatch, caplog):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    async with elect(namespace="") as one:
        assert await one.is_won()
    assert "No culler is elected, and this one works without" in caplog.text

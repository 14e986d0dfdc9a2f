"""How a hub that restarts looks at its servers: some at a time."""

import asyncio
from types import SimpleNamespace

import pytest

from jhub_gateway import reconciled_spawner
from jhub_gateway.reconciled_spawner import ReconciledSpawner


class Server(ReconciledSpawner):
    """One whose pod runs."""

    has_running_pod = True

    def __init__(self, url):
        self.url = url

    @property
    def server(self):
        return SimpleNamespace(url=self.url)

    async def poll(self):
        return None


class Network:
    """Servers answer after a moment, but for those that are ``out_of_reach``."""

    def __init__(self):
        self.out_of_reach = set()
        self.looks = self.most_looks = 0

    async def is_answering(self, url):
        self.looks += 1
        self.most_looks = max(self.most_looks, self.looks)
        await asyncio.sleep(0.01)
        self.looks -= 1
        return url not in self.out_of_reach


@pytest.fixture
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(reconciled_spawner, "is_answering", network.is_answering)
    monkeypatch.setattr(reconciled_spawner, "_LOOKS_AT_ONCE", 3)
    monkeypatch.setattr(reconciled_spawner, "_LOOK_SECONDS", 0.01)
    return network


async def test_some_are_looked_at_at_a_time(network):
    async with asyncio.timeout(5):
        await asyncio.gather(*(Server(str(n))._wait_for_server() for n in range(10)))
    assert network.most_looks == 3


async def test_those_that_are_out_of_reach_hold_up_no_other(network):
    network.out_of_reach = {str(n) for n in range(5)}
    lost = [asyncio.ensure_future(Server(url)._wait_for_server()) for url in network.out_of_reach]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await asyncio.gather(*(Server(str(n))._wait_for_server() for n in range(5, 10)))
    assert not any(task.done() for task in lost)
    network.out_of_reach = set()
    async with asyncio.timeout(5):
        await asyncio.gather(*lost)

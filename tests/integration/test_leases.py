"""The Lease of a hub on a real kube-apiserver, with clocks that the tests set."""

import asyncio
from dataclasses import dataclass

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import load_kube_config

from jhub_gateway.clients.leases import Lease, LeaseUnavailable
from tests.fixtures.cluster import Namespace
from tests.unit.api_server import no_api_server

NAME = "jhub-gateway-north"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(namespace: Namespace):
    configuration = Configuration()
    await load_kube_config(str(namespace.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        yield client


@pytest.fixture
def make_lease(client: ApiClient, namespace: Namespace):
    """The Lease as a process of its own sees it, with a clock of its own."""

    def make(identity: str, clock: Clock, duration: float = 30, name: str = NAME) -> Lease:
        return Lease(client, namespace.name, name, identity, duration, clock)

    return make


def get_spec(namespace: Namespace) -> dict:
    return namespace.get("lease", NAME)["spec"]


async def test_one_of_two_holds_it_until_it_is_given_back(make_lease, namespace):
    # Their clocks have nothing to do with each other.
    one, other = make_lease("one", Clock(5)), make_lease("other", Clock(9e6))
    assert await one.hold()
    assert not await other.hold()
    assert other.holder == "one"
    assert one.is_held
    assert not other.is_held
    spec = get_spec(namespace)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("one", 30)
    await one.release()
    assert not one.is_held
    assert await other.hold()
    assert get_spec(namespace)["leaseTransitions"] == 1
    assert not await one.hold()


async def test_it_has_ended_once_nothing_changed_for_as_long_as_it_holds(make_lease):
    clock, others = Clock(), Clock(1000)
    one, other = make_lease("one", clock), make_lease("other", others)
    assert await one.hold()
    assert not await other.hold()
    others.now += 29
    assert not await other.hold()
    assert await one.hold()
    others.now += 29
    assert not await other.hold()
    others.now += 29.9
    assert not await other.hold()
    others.now += 0.1
    assert await other.hold()
    # The first one has been slow: it finds another's Lease, and can't write over it.
    assert not await one.hold()
    assert not one.is_held


async def test_its_holder_stops_to_rely_on_it_before_others_may_take_it(make_lease):
    clock = Clock()
    one = make_lease("one", clock)
    assert await one.hold()
    clock.now += 19.9
    assert one.is_held
    clock.now += 0.1
    assert not one.is_held
    assert await one.hold()
    assert one.is_held


async def test_the_longer_of_two_settings_counts(make_lease):
    others = Clock()
    one, other = make_lease("one", Clock(), 60), make_lease("other", others, 10)
    assert await one.hold()
    assert not await other.hold()
    others.now = 59
    assert not await other.hold()
    others.now = 60
    assert await other.hold()


async def test_of_many_at_once_one_gets_it(make_lease):
    clock = Clock()
    leases = [make_lease(f"hub-{number}", clock) for number in range(8)]
    assert sum(await asyncio.gather(*(lease.hold() for lease in leases))) == 1
    assert sum(await asyncio.gather(*(lease.hold() for lease in leases))) == 1
    clock.now += 30
    assert sum(await asyncio.gather(*(lease.hold() for lease in leases))) == 1
    assert sum(lease.is_held for lease in leases) == 1


async def test_one_that_was_deleted_is_made_again(make_lease, namespace):
    one = make_lease("one", Clock())
    assert await one.hold()
    namespace.kubectl("delete", "lease", NAME)
    assert await one.hold()
    assert get_spec(namespace)["holderIdentity"] == "one"


async def test_others_of_another_name_are_another_matter(make_lease):
    one, south = make_lease("one", Clock()), make_lease("one", Clock(), name="jhub-gateway-south")
    assert await one.hold()
    assert await south.hold()


async def test_where_there_is_no_such_namespace_it_is_told(client):
    lease = Lease(client, "nowhere-at-all", NAME, "one", 30, Clock())
    with pytest.raises(LeaseUnavailable, match="404"):
        await lease.hold()
    assert not lease.is_held


async def test_an_api_server_that_does_not_answer_takes_nothing_away(make_lease):
    clock = Clock()
    one = make_lease("one", clock)
    assert await one.hold()
    with no_api_server():
        async with ApiClient() as nowhere:
            one._client, known = nowhere, one._client
            assert await one.hold()
            clock.now += 20
            assert not await one.hold()
            one._client = known
    assert await one.hold()

"""Users' Secrets on a real kube-apiserver."""

import asyncio
import logging
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api
from kubernetes_asyncio.config import load_kube_config
from prometheus_client import REGISTRY

from jhub_gateway.credentials.secret_store import CLAIM_SECONDS, SecretStore, list_secret_stores
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.policy.credential_secrets import RENEWING
from tests.fixtures.cluster import Namespace

TOKEN = "token-of-ada-4711"
REAPED = "jhub_gateway_orphans_reaped_total", {"kind": "secret"}
FILES = {"access_token": TOKEN.encode(), "credentials.json": b'{"version": 1}'}
NEWER = {"access_token": b"newer", "expires_at": b"\x00\xff", "credentials.json": b"{}"}


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class CountedApi:
    """The API, and which requests were sent."""

    api: CoreV1Api
    calls: list[str] = field(default_factory=list)
    loses_answers: bool = False

    def take_calls(self) -> list[str]:
        calls, self.calls[:] = list(self.calls), []
        return calls


@pytest.fixture
async def counted(namespace: Namespace):
    configuration = Configuration()
    await load_kube_config(str(namespace.kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        counted = CountedApi(CoreV1Api(client))
        send = client.rest_client.pool_manager.request

        async def request(method, **options):
            counted.calls.append(method)
            answer = await send(method=method, **options)
            if counted.loses_answers:
                answer.close()
                raise TimeoutError
            return answer

        client.rest_client.pool_manager.request = request
        yield counted


@pytest.fixture
def make_store(counted: CountedApi, namespace: Namespace):
    """A store as another process of the hub would have it."""

    def make(
        identity="sub-1 https://issuer", hub="north", clock=None, api=None, database=""
    ) -> SecretStore:
        place = (api or counted.api, namespace.name, hub)
        return SecretStore(*place, identity, "Ada L.", clock or Clock(), database)

    return make


def read(namespace: Namespace, store: SecretStore) -> dict:
    return namespace.get("secret", store.name)


def read_files(namespace: Namespace, store: SecretStore) -> dict[str, bytes]:
    data = read(namespace, store).get("data") or {}
    return {name: b64decode(content) for name, content in data.items()}


def is_there(namespace: Namespace, store: SecretStore) -> bool:
    return bool(namespace.kubectl("get", "secret", store.name, "--ignore-not-found"))


def get_renewing(namespace: Namespace, store: SecretStore) -> str | None:
    return read(namespace, store)["metadata"]["annotations"].get(RENEWING)


def holds_token(text: str) -> bool:
    return TOKEN in text or b64encode(TOKEN.encode()).decode()[:16] in text


async def test_the_files_are_there_as_written_and_labelled(make_store, namespace, counted):
    store = make_store()
    assert await store.write(FILES)
    assert counted.take_calls() == ["POST"]
    assert read_files(namespace, store) == FILES
    secret = read(namespace, store)
    assert secret["type"] == "Opaque"
    assert secret["metadata"]["annotations"] == {"jhub-gateway/username": "Ada L."}
    labels = secret["metadata"]["labels"]
    assert labels["jhub-gateway/hub"] == "north"
    assert labels["jhub-gateway/component"] == "credentials"
    assert len(labels["jhub-gateway/owner"]) == 63


async def test_a_write_leaves_no_other_file_behind(make_store, namespace):
    store = make_store()
    await store.write(NEWER)
    assert await store.write(FILES)
    assert read_files(namespace, store) == FILES


async def test_a_renewal_is_two_requests_and_no_change_is_none(make_store, namespace, counted):
    store = make_store()
    await store.write(FILES)
    counted.take_calls()
    assert not await store.write(dict(FILES))
    assert counted.take_calls() == []
    assert await store.claim()
    assert await store.write(NEWER)
    assert counted.take_calls() == ["PATCH", "PATCH"]
    assert get_renewing(namespace, store) is None
    assert read_files(namespace, store) == NEWER


async def test_a_hub_that_restarted_compares_before_it_writes(make_store, namespace, counted):
    await make_store().write(FILES)
    before = read(namespace, make_store())
    counted.take_calls()
    assert not await make_store().write(FILES)
    assert counted.take_calls() == ["POST", "GET"]
    assert read(namespace, make_store()) == before
    assert await make_store().write(NEWER)
    assert counted.take_calls() == ["POST", "GET", "PATCH"]
    assert read_files(namespace, make_store()) == NEWER


async def test_one_of_ten_processes_renews(make_store):
    await make_store().write(FILES)
    stores = [make_store() for _ in range(10)]
    claims = await asyncio.gather(*(store.claim() for store in stores))
    assert sum(claims) == 1
    await stores[claims.index(True)].write(NEWER)
    # All others learn of it first; then one of them may.
    losers = [store for store, claimed in zip(stores, claims, strict=True) if not claimed]
    assert not any(await asyncio.gather(*(store.claim() for store in losers)))
    assert sum(await asyncio.gather(*(store.claim() for store in losers))) == 1


async def test_one_of_ten_processes_makes_the_secret(make_store, namespace):
    stores = [make_store() for _ in range(10)]
    claims = await asyncio.gather(*(store.claim() for store in stores))
    assert sum(claims) == 1
    winner = stores[claims.index(True)]
    assert get_renewing(namespace, winner)
    assert await winner.write(FILES)
    assert read_files(namespace, winner) == FILES


async def test_whoever_missed_a_renewal_is_told_once(make_store):
    first, second = make_store(), make_store()
    await first.write(FILES)
    await second.write(FILES)
    assert await first.claim()
    assert not await second.claim()
    await first.write(NEWER)
    assert not await second.claim()
    assert await second.claim()


async def test_a_right_is_kept_from_others_while_it_is_held(make_store, namespace):
    first, second = make_store(), make_store()
    assert await first.claim()
    assert not await second.claim()
    assert await second.write(FILES)
    assert get_renewing(namespace, first)
    await first.write(NEWER)
    assert get_renewing(namespace, first) is None
    assert read_files(namespace, first) == NEWER


async def test_a_dead_process_loses_its_right(make_store, namespace, counted):
    clock = Clock()
    dead, heir = make_store(), make_store(clock=clock)
    await dead.write(FILES)
    assert await dead.claim()
    assert not await heir.claim()
    clock.now += CLAIM_SECONDS - 1
    assert not await heir.claim()
    clock.now += 1
    counted.take_calls()
    assert await heir.claim()
    assert counted.take_calls() == ["PATCH"]
    # And it wasn't dead: what it writes stays, and so does the heir's right.
    mine = get_renewing(namespace, heir)
    assert await dead.write(NEWER)
    assert get_renewing(namespace, heir) == mine
    await heir.write(FILES)
    assert read_files(namespace, heir) == FILES


async def test_a_right_that_is_used_again_and_again_is_not_dead(make_store):
    clock = Clock()
    busy, other = make_store(), make_store(clock=clock)
    await busy.write(FILES)
    for number in range(4):
        assert await busy.claim()
        assert not await other.claim()
        clock.now += CLAIM_SECONDS - 1
        await busy.write({"access_token": str(number).encode()})


async def test_two_who_find_a_dead_right_do_not_both_get_it(make_store):
    clock = Clock()
    dead = make_store()
    await dead.write(FILES)
    await dead.claim()
    heirs = [make_store(clock=clock) for _ in range(5)]
    assert not any(await asyncio.gather(*(heir.claim() for heir in heirs)))
    clock.now += CLAIM_SECONDS
    assert sum(await asyncio.gather(*(heir.claim() for heir in heirs))) == 1


async def test_a_released_right_changes_no_file(make_store, namespace):
    first, second = make_store(), make_store()
    await first.write(FILES)
    assert await first.claim()
    await first.release()
    assert await second.claim()
    await first.release()
    assert get_renewing(namespace, second)
    await second.release()
    assert get_renewing(namespace, second) is None
    assert read_files(namespace, second) == FILES


async def test_an_empty_secret_does_not_outlive_the_right(make_store, namespace):
    store = make_store()
    assert await store.claim()
    await store.release()
    assert not is_there(namespace, store)
    assert await store.claim()


async def test_a_secret_that_somebody_removed_is_made_again(make_store, namespace):
    store = make_store()
    await store.write(FILES)
    namespace.kubectl("delete", "secret", store.name)
    assert await store.write(NEWER)
    assert read_files(namespace, store) == NEWER
    namespace.kubectl("delete", "secret", store.name)
    assert not await store.claim()
    assert await store.claim()
    await store.remove()
    await store.remove()
    assert not is_there(namespace, store)


async def test_what_another_process_changed_is_not_removed(make_store, namespace):
    first, second = make_store(), make_store()
    await first.write(FILES)
    await second.write(NEWER)
    await first.remove()
    assert read_files(namespace, second) == NEWER
    await make_store().remove()
    assert not is_there(namespace, second)


async def test_what_was_made_anew_is_not_removed(make_store, namespace):
    old, new = make_store(), make_store()
    await old.write(FILES)
    await new.remove()
    await new.write(FILES)
    await old.remove()
    assert read_files(namespace, new) == FILES


async def test_all_of_a_hub_are_listed_and_removed_unless_changed(make_store, namespace, counted):
    ada, bob, south = make_store("a"), make_store("b"), make_store("a", hub="south")
    for store in (ada, bob, south):
        await store.write(FILES)
    counted.take_calls()
    found = await list_secret_stores(counted.api, namespace.name, "north")
    assert counted.take_calls() == ["GET"]
    assert [each.username for each in found] == ["Ada L."] * 2
    again = await list_secret_stores(counted.api, namespace.name, "north")
    assert {each.key for each in again} == {each.key for each in found}
    assert len({each.key for each in found}) == 2
    await bob.write(NEWER)
    before = REGISTRY.get_sample_value(*REAPED)
    for each in found:
        await each.remove()
    # The other one had changed since, and stays.
    assert REGISTRY.get_sample_value(*REAPED) == (before or 0) + 1
    assert not is_there(namespace, ada)
    assert read_files(namespace, bob) == NEWER
    assert read_files(namespace, south) == FILES


async def test_another_databases_are_not_listed_until_this_one_writes_them(
    make_store, namespace, counted
):
    ours, theirs = make_store("a", database="d1"), make_store("b", database="d2")
    for store in (ours, theirs, make_store("c")):
        await store.write(FILES)
    (found,) = await list_secret_stores(counted.api, namespace.name, "north", "d1")
    assert found.key.startswith(ours.name)
    # One user of two hubs that have a name in common.
    mine = make_store("b", database="d1")
    assert await mine.write(NEWER)
    assert len(await list_secret_stores(counted.api, namespace.name, "north", "d1")) == 2
    assert await list_secret_stores(counted.api, namespace.name, "north", "d2") == []


async def test_more_than_a_page_is_listed(make_store, namespace, counted, monkeypatch):
    monkeypatch.setattr("jhub_gateway.credentials.secret_requests._PAGE", 2)
    for number in range(5):
        await make_store(str(number)).write(FILES)
    counted.take_calls()
    assert len(await list_secret_stores(counted.api, namespace.name, "north")) == 5
    assert counted.take_calls() == ["GET"] * 3


async def test_no_log_and_no_error_has_the_contents(make_store, namespace, counted, caplog):
    caplog.set_level(logging.DEBUG)
    store = make_store()
    await store.write(FILES)
    await make_store().write(FILES)
    await store.claim()
    await store.write(NEWER)
    await store.remove()
    too_large = {"access_token": TOKEN.encode() * 80_000}
    with pytest.raises(CredentialUnavailable) as problem:
        await store.write(too_large)
    assert str(problem.value).startswith("Kubernetes: POST secrets")
    assert len(str(problem.value)) < 200
    texts = repr(problem.value), repr(problem.value.__cause__), repr(store._seen)
    assert not [each for each in (caplog.text, *texts) if holds_token(each)]
    # The client's own methods are not used for this reason.
    await make_store().write(FILES)
    await counted.api.read_namespaced_secret(store.name, namespace.name)
    assert holds_token(caplog.text)


async def test_a_lost_answer_keeps_nobody_from_renewing(make_store, namespace, counted):
    store = make_store()
    await store.write(FILES)
    counted.loses_answers = True
    with pytest.raises(CredentialUnavailable, match=r"PATCH .*TimeoutError"):
        await store.claim()
    counted.loses_answers = False
    assert get_renewing(namespace, store)
    assert not await store.claim()
    assert await store.claim()
    counted.loses_answers = True
    with pytest.raises(CredentialUnavailable):
        await store.write(NEWER)
    counted.loses_answers = False
    assert not await store.write(NEWER)
    assert read_files(namespace, store) == NEWER
    assert get_renewing(namespace, store) is None


async def test_an_api_server_that_refuses_is_told_with_its_status(make_store, namespace):
    configuration = Configuration()
    await load_kube_config(str(namespace.kubeconfig), client_configuration=configuration)
    configuration.cert_file = configuration.key_file = None
    async with ApiClient(configuration) as client:
        with pytest.raises(
            CredentialUnavailable, match=r"POST secrets in the namespace .*: 403 Forbidden"
        ):
            await make_store(api=CoreV1Api(client)).write(FILES)


async def test_an_api_server_that_does_not_answer_is_told(make_store, monkeypatch):
    monkeypatch.setattr("jhub_gateway.credentials.secret_requests.REQUEST_SECONDS", 0.2)
    server = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with ApiClient(Configuration(host=f"http://127.0.0.1:{port}")) as client:
        silent = make_store(api=CoreV1Api(client))
        for action in (silent.claim(), silent.write(FILES), silent.remove()):
            with pytest.raises(CredentialUnavailable, match="TimeoutError"):
                await action
        server.close()
        with pytest.raises(CredentialUnavailable, match="ClientConnectorError"):
            await silent.claim()

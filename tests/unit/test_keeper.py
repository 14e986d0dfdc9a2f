"""The credentials of all users with servers, and of none else; and what a killed hub left."""

import asyncio
from types import SimpleNamespace

import pytest

from jhub_gateway.credentials.directory_store import DirectoryStore, list_directory_stores
from jhub_gateway.credentials.keeper import CredentialKeeper, sweep
from jhub_gateway.errors import CredentialUnavailable, StartRefused
from tests.unit.credential_helpers import (
    LOG,
    Hub,
    MemoryStore,
    Provider,
    make_due_state,
    make_login,
    make_state,
    wait_until,
)


class Server:
    """The part of a spawner that the keeper asks."""

    id_token_file = False
    gives_credentials = True
    credential_delay = 0.0
    find_credential_sources = dict
    active, pending = True, False
    trouble = None

    def __init__(self, make_store):
        self.make_credential_store = make_store

    async def load_owner(self):
        if self.trouble:
            raise self.trouble


class Desk:
    def __init__(self, database, root=None):
        self.provider = Provider()
        self.login = make_login(self.provider)
        self.keeper = CredentialKeeper(self.login, LOG)
        self.hub = Hub(database)
        self.user = self.hub.find_user()
        self.stores = []
        self.root = root

    def make_store(self):
        store = DirectoryStore(self.root, "7", "ada") if self.root else MemoryStore()
        self.stores.append(store)
        return store

    def start(self, *names, user=None):
        """Return servers, which are starting or running from now on."""
        spawners = (user or self.user).spawners
        for name in names:
            dict.__setitem__(spawners, name, Server(self.make_store))
        return [spawners[name] for name in names]

    async def load(self, server, user=None):
        """What a start does."""
        user = user or self.user
        await self.keeper.freshen(user, server)
        await self.keeper.take(user, server).write()
        self.keeper.watch(user, server)

    async def stop(self, server):
        server.pending = "stop"
        await self.keeper.settle(self.user, server)
        server.active = server.pending = False


@pytest.fixture
async def desk(database):
    desk = Desk(database)
    await desk.user.save_auth_state(make_due_state())
    yield desk
    for kept in desk.keeper._users.values():
        kept.drop()


async def test_three_servers_of_a_user_refresh_once(desk):
    servers = desk.start("", "two", "three")
    await asyncio.gather(*map(desk.load, servers))
    assert desk.provider.count_requests() == 1
    assert len(desk.stores) == 1
    assert desk.stores[0].files["access_token"] == b"access-1"


async def test_watching_makes_one_task(desk):
    (server,) = desk.start("")
    for _ in range(10):
        desk.keeper.watch(desk.user, server)
    tasks = {task for task in asyncio.all_tasks() if "_keep" in repr(task.get_coro())}
    assert len(tasks) == 1
    await wait_until(lambda: desk.stores[0].files)


async def test_the_last_server_takes_the_files_with_it(desk):
    one, two = desk.start("", "two")
    await desk.load(one)
    await desk.load(two)
    await desk.stop(one)
    assert desk.stores[0].files["access_token"] == b"access-1"
    assert desk.keeper.get_health(desk.user)["state"] == "valid"
    await desk.stop(two)
    assert desk.stores[0].files is None
    assert desk.keeper.get_health(desk.user) is None
    await asyncio.sleep(0.05)
    assert desk.stores[0].files is None


async def test_a_server_that_is_starting_keeps_them(desk):
    one, two = desk.start("", "two")
    await desk.load(one)
    two.pending = "spawn"
    await desk.stop(one)
    assert desk.stores[0].files


async def test_of_two_that_stop_together_one_takes_the_files(desk):
    one, two = desk.start("", "two")
    await desk.load(one)
    one.pending = two.pending = "stop"
    await asyncio.gather(*(desk.keeper.settle(desk.user, each) for each in (one, two)))
    assert desk.stores[0].files is None
    assert desk.keeper.get_health(desk.user) is None


async def test_a_server_that_starts_while_the_last_one_stops_has_its_files(database, tmp_path):
    """Whenever it does."""
    desk = Desk(database, tmp_path / "c")
    await desk.user.save_auth_state(make_state())
    for wait in (0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.02):
        (one,) = desk.start("")
        await desk.load(one)
        stopping = asyncio.create_task(desk.stop(one))
        await asyncio.sleep(wait)
        (two,) = desk.start("two")
        await desk.load(two)
        await stopping
        await asyncio.sleep(0.01)
        assert (desk.stores[-1].path / "access_token").read_bytes() == b"access-0"
        assert desk.keeper.get_health(desk.user)["state"] == "valid"
        await desk.stop(two)
        assert not desk.stores[-1].path.exists()
    assert not desk.keeper._users


async def test_a_start_before_the_end_has_begun_prevents_it(desk):
    desk.provider.answering.clear()
    (one,) = desk.start("")
    desk.keeper.watch(desk.user, one)
    await wait_until(desk.provider.count_requests)
    stopping = asyncio.create_task(desk.stop(one))
    await asyncio.sleep(0.01)
    desk.start("two")
    desk.provider.answering.set()
    await stopping
    assert desk.stores[0].removes == 0


async def test_a_start_while_the_end_goes_on_has_the_same_credentials(desk):
    (one,) = desk.start("")
    await desk.load(one)
    desk.stores[0].removing.clear()
    stopping = asyncio.create_task(desk.stop(one))
    await wait_until(lambda: desk.stores[0].removes)
    (two,) = desk.start("two")
    starting = asyncio.create_task(desk.load(two))
    await asyncio.sleep(0.01)
    desk.stores[0].removing.set()
    await asyncio.gather(starting, stopping)
    assert desk.stores[0].files["access_token"] == b"access-1"
    assert desk.keeper.get_health(desk.user)["state"] == "valid"
    assert len(desk.stores) == 1


async def test_a_start_right_after_a_stop_sends_no_token_twice(desk):
    desk.provider.answering.clear()
    (one,) = desk.start("")
    starting = asyncio.create_task(desk.load(one))
    await wait_until(desk.provider.count_requests)
    stopping = asyncio.create_task(desk.stop(one))
    await asyncio.sleep(0.01)
    (two,) = desk.start("two")
    second = asyncio.create_task(desk.load(two))
    await asyncio.sleep(0.01)
    desk.provider.answering.set()
    await asyncio.gather(starting, stopping, second)
    assert desk.provider.count_requests() == 1
    assert (await desk.user.get_auth_state())["refresh_token"] == "refresh-1"


async def test_a_login_wakes_those_of_its_user(desk):
    (server,) = desk.start("")
    await desk.load(server)
    await desk.user.save_auth_state(make_state(access_token="access-9"))
    await desk.keeper.take_up(desk.user)
    await wait_until(lambda: desk.stores[0].files["access_token"] == b"access-9")
    await desk.keeper.take_up(desk.hub.find_user("grace"))


async def test_the_next_user_with_a_removed_ones_number_gets_nothing_of_theirs(desk):
    (server,) = desk.start("")
    await desk.load(server)
    number = desk.user.id
    desk.hub.db.delete(desk.user.orm_user)
    desk.hub.db.commit()
    grace = desk.hub.find_user("grace")
    assert grace.id == number
    assert desk.keeper.get_health(grace) is None
    (hers,) = desk.start("", user=grace)
    await grace.save_auth_state(make_state(access_token="access-of-grace"))
    await desk.load(hers, grace)
    assert desk.stores[-1].files["access_token"] == b"access-of-grace"
    assert b"access-of-grace" not in desk.stores[0].files.values()


# A start


async def test_a_start_refreshes_what_is_due(desk):
    (server,) = desk.start("")
    state = await desk.keeper.freshen(desk.user, server)
    assert state["access_token"] == "access-1"


async def test_a_start_without_credentials_asks_nobody(desk):
    (server,) = desk.start("")
    server.gives_credentials = False
    state = await desk.keeper.freshen(desk.user, server)
    assert state["access_token"] == "access-0"
    state = await desk.keeper.freshen(desk.user, SimpleNamespace())
    assert state["access_token"] == "access-0"
    assert desk.stores == desk.provider.requests == []


async def test_a_start_of_nobody_known_is_refused_by_the_start_itself(desk):
    (server,) = desk.start("")
    server.trouble = StartRefused("Log in again.")
    assert await desk.keeper.freshen(desk.user, server) is None
    assert desk.stores == []


# What a killed hub left


@pytest.fixture
async def root(tmp_path):
    for name in ("ada", "grace"):
        await DirectoryStore(tmp_path / "c", name, name).write({"access_token": name.encode()})
    return tmp_path / "c"


async def look(root, idle, active=("ada",)):
    return await sweep(lambda: list_directory_stores(root), lambda: set(active), idle)


async def names(root):
    return [found.username for found in await list_directory_stores(root)]


async def test_a_sweep_needs_two_rounds(root):
    idle = await look(root, set())
    assert await names(root) == ["ada", "grace"]
    assert await look(root, idle) == set()
    assert await names(root) == ["ada"]


async def test_a_store_that_was_made_anew_is_another_one(root):
    idle = await look(root, set())
    grace = DirectoryStore(root, "grace", "grace")
    await grace.remove()
    await grace.write({"access_token": b"grace"})
    await look(root, idle)
    assert await names(root) == ["ada", "grace"]


async def test_a_user_who_has_a_server_in_the_second_round(root):
    idle = await look(root, set())
    assert await look(root, idle, active=("ada", "grace")) == set()
    assert await names(root) == ["ada", "grace"]


async def test_a_user_whose_server_starts_while_it_sweeps(root):
    idle = await look(root, set(), active=())
    # Nobody at the first look, and then both: as each is looked at once more.
    answers = [set(), {"ada", "grace"}, {"ada", "grace"}]
    await sweep(lambda: list_directory_stores(root), lambda: answers.pop(0), idle)
    assert await names(root) == ["ada", "grace"]


async def test_two_sweepers_are_harmless(root):
    first, second = await look(root, set()), await look(root, set())
    await asyncio.gather(look(root, first), look(root, second))
    assert await names(root) == ["ada"]


async def test_a_sweep_that_fails_is_tried_again(desk, caplog, monkeypatch):
    monkeypatch.setattr("jhub_gateway.credentials.keeper.SWEEP_SECONDS", 0.01)
    rounds = []

    async def list_stores():
        rounds.append(1)
        if len(rounds) == 1:
            raise CredentialUnavailable("the API server is down")
        return []

    desk.keeper.start_sweeping(list_stores, set)
    await wait_until(lambda: len(rounds) > 2)
    desk.keeper._sweeping.cancel()
    assert caplog.text.count("the API server is down") == 1

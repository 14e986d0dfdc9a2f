"""The files of one user's servers: written, kept fresh, and taken away."""

import asyncio
import json
import logging
import time
from contextlib import suppress

import pytest
from tornado.httpclient import HTTPClientError

from jhub_gateway.credentials import user_credentials
from jhub_gateway.credentials.auth_states import read_state
from jhub_gateway.credentials.directory_store import DirectoryStore
from jhub_gateway.credentials.renewals import Source
from jhub_gateway.credentials.user_credentials import UserCredentials
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Issued
from tests.unit.credential_helpers import (
    ENDED,
    LIFETIME,
    LOG,
    Clock,
    Hub,
    MemoryStore,
    Provider,
    make_due_state,
    make_login,
    make_state,
    wait_until,
)

SHORT = 0.2


class Connector:
    """A system with a credential of its own that must outlive the hub."""

    name, audience, is_kept = "jatos", "jatos.gateway.org", True

    def __init__(self):
        self.issued = 0
        self.revoked = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.file = "jatos"

    async def issue(self, _login, _service):
        self.issued += 1
        await self.answering.wait()
        files = {self.file: f"secret-jatos-{self.issued}".encode()}
        return Issued(files, self.file, time.time() + 3600, handle={"id": self.issued})

    renew = None

    async def revoke(self, _service, issued):
        self.revoked.append(issued.handle["id"])


class Desk:
    def __init__(self, database, store=None):
        self.provider, self.store, self.clock = Provider(), store or MemoryStore(), Clock()
        self.user = Hub(database).find_user()
        self.login = make_login(self.provider)
        self.connectors = []
        self.kept = self.restart()

    def restart(self):
        kept = UserCredentials(self.user, self.login, self.store, LOG, self.clock)
        kept.find_sources = lambda: {one.name: Source("fake", one) for one in self.connectors}
        return kept

    async def save(self, state):
        await self.user.save_auth_state(state)

    async def read(self):
        return (await read_state(self.user))[0]

    async def end(self):
        await self.kept.end(lambda: True)

    @property
    def index(self):
        return json.loads(self.store.files["credentials.json"])


@pytest.fixture
async def desk(database):
    unheard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    desk = Desk(database)
    yield desk
    await desk.end()
    await asyncio.sleep(0.01)
    # The test's own, and nobody else's.
    assert asyncio.all_tasks() <= {asyncio.current_task()}
    assert unheard == []


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(user_credentials, "SHORTEST_SLEEP", 0.01)


# Written


async def test_files_of_a_login(desk):
    await desk.save(make_state())
    await desk.kept.write()
    assert desk.store.files["access_token"] == b"access-0"
    assert set(desk.store.files) == {"access_token", "expires_at", "credentials.json"}
    assert desk.index["state"] == "valid"
    assert desk.index["login_url"] == "/hub/oauth_login?next=%2Fhub%2Fhome"
    assert not desk.kept.is_ended


async def test_a_write_refreshes_what_is_due(desk):
    await desk.save(make_due_state())
    await desk.kept.write()
    assert desk.store.files["access_token"] == b"access-1"
    assert not desk.store.is_held


async def test_an_unchanged_login_changes_no_file(desk):
    await desk.save(make_state())
    for _ in range(3):
        await desk.kept.write()
    assert desk.store.changes == 1


async def test_three_servers_that_start_at_once_refresh_once(desk):
    await desk.save(make_due_state())
    await asyncio.gather(*(desk.kept.write() for _ in range(3)))
    assert desk.provider.count_requests() == 1
    assert desk.store.changes == 1


async def test_the_id_token_is_given_if_it_is_wanted(desk):
    await desk.save(make_state(id_token="a.b.c"))
    await desk.kept.write()
    assert "id_token" not in desk.store.files
    desk.kept.with_id_token = True
    await desk.kept.write()
    assert desk.store.files["id_token"] == b"a.b.c"


async def test_nothing_secret_is_in_what_pages_show_or_the_log(desk, caplog):
    desk.connectors = [Connector()]
    desk.kept.with_id_token = True
    await desk.save(make_due_state(id_token="secret-id"))
    with caplog.at_level(logging.DEBUG):
        await desk.kept.write()
    told = f"{desk.kept.health} {desk.index} {caplog.text}"
    for secret in ("secret-", "access-0", "access-1", "refresh-0", "refresh-1"):
        assert secret not in told
    files = b" ".join(desk.store.files.values())
    assert b"secret-jatos-1" in files
    assert b"refresh-" not in files


async def test_a_login_that_has_ended_leaves_no_token_and_says_what_to_do(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    await desk.kept.write()
    desk.provider.trouble = ENDED
    desk.clock.ahead = LIFETIME * 0.7
    await desk.kept.write()
    assert set(desk.store.files) == {"credentials.json"}
    assert desk.index["state"] == "ended"
    assert "log in again" in desk.index["sentence"]
    assert {one["state"] for one in desk.index["credentials"]} == {"ended"}
    assert desk.kept.is_ended
    assert desk.connectors[0].revoked == [1]
    assert "kept" not in (await desk.read()) or (await desk.read())["kept"] == {}


async def test_a_user_without_a_login(desk):
    await desk.kept.write()
    assert set(desk.store.files) == {"credentials.json"}
    assert desk.kept.is_ended


async def test_a_provider_that_is_down_is_told_late_and_not_at_once(desk):
    await desk.save(make_due_state())
    desk.provider.trouble = HTTPClientError(503)
    await desk.kept.write()
    assert desk.index["state"] == "valid"
    desk.clock.ahead = LIFETIME * 0.15
    await desk.kept.write()
    assert desk.index["state"] == "late"
    assert desk.index["sentence"]
    assert desk.store.files["access_token"] == b"access-0"
    desk.provider.trouble = None
    desk.clock.ahead += 61
    await desk.kept.write()
    assert desk.index["state"] == "valid"
    assert desk.store.files["access_token"] == b"access-1"


async def test_a_store_that_fails_is_told_to_the_caller(desk):
    await desk.save(make_state())
    desk.store.trouble = CredentialUnavailable("the API server is down")
    with pytest.raises(CredentialUnavailable):
        await desk.kept.write()
    desk.store.trouble = None


async def test_a_connectors_fault_costs_no_other_file(desk, caplog):
    desk.connectors = [Connector()]
    desk.connectors[0].file = "access_token"
    await desk.save(make_state())
    await desk.kept.write()
    assert desk.store.files["access_token"] == b"access-0"
    assert [one["state"] for one in desk.index["credentials"]] == ["valid", "ended"]
    assert "reserved" in caplog.text


async def test_a_system_that_hangs_keeps_no_fresh_token_from_servers(desk, monkeypatch):
    monkeypatch.setattr(user_credentials, "CONNECTOR_PATIENCE", 0.05)
    desk.connectors = [Connector()]
    await desk.save(make_state())
    await desk.kept.write()
    desk.connectors.append(Connector())
    desk.connectors[1].name = desk.connectors[1].file = "hanging"
    desk.connectors[1].answering.clear()
    await desk.save(make_due_state())
    writing = asyncio.create_task(desk.kept.write())
    await wait_until(lambda: desk.store.files["access_token"] == b"access-1")
    assert desk.store.files["jatos"] == b"secret-jatos-1"
    states = {one["name"]: one["state"] for one in desk.index["credentials"]}
    assert (states["jatos"], states["hanging"]) == ("valid", "late")
    assert not writing.done()
    desk.connectors[1].answering.set()
    await writing
    assert desk.store.files["hanging"] == b"secret-jatos-1"
    assert desk.provider.count_requests() == 1


async def test_an_ordinary_write_is_one(desk):
    desk.connectors = [Connector()]
    await desk.save(make_due_state())
    await desk.kept.write()
    assert desk.store.writes == 1


async def test_a_write_that_is_cut_off_leaves_no_call_behind(desk, monkeypatch):
    monkeypatch.setattr(user_credentials, "CONNECTOR_PATIENCE", 0.05)
    desk.connectors = [Connector()]
    desk.connectors[0].answering.clear()
    await desk.save(make_state())
    writing = asyncio.create_task(desk.kept.write())
    await wait_until(lambda: desk.store.files)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    # The fixture looks for tasks that are left.


# Over a restart of the hub


async def test_what_a_connector_issued_outlives_the_hub(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    await desk.kept.write()
    assert "jatos" in (await desk.read())["kept"]
    desk.kept = desk.restart()
    await desk.kept.write()
    assert desk.connectors[0].issued == 1
    assert desk.store.changes == 1


async def test_a_login_meanwhile_keeps_what_a_connector_issued(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    await desk.kept.write()
    await desk.save(make_state(access_token="access-9"))
    await desk.kept.write()
    state = await desk.read()
    assert (state["access_token"], list(state["kept"])) == ("access-9", ["jatos"])


async def test_what_was_issued_before_a_restart_is_revoked_at_the_end(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    await desk.kept.write()
    desk.kept = desk.restart()
    await desk.end()
    assert desk.connectors[0].revoked == [1]
    assert not (await desk.read()).get("kept")


# Kept fresh


async def test_ten_lifetimes(desk, quick):
    desk.provider.more = {"expires_in": SHORT}
    await desk.save(make_state(lifetime=SHORT))
    desk.kept.keep()
    await wait_until(lambda: desk.provider.count >= 10, seconds=60)
    count = int(desk.store.files["access_token"].removeprefix(b"access-"))
    assert desk.provider.count - count <= 1
    assert desk.index["state"] == "valid"
    # One request each, and one change of the files.
    assert desk.provider.count_requests() - desk.provider.count <= 1
    assert desk.store.changes <= desk.provider.count + 1


async def test_keeping_twice_is_keeping_once(desk, quick):
    await desk.save(make_state())
    for _ in range(5):
        desk.kept.keep()
    await wait_until(lambda: desk.store.writes)
    await asyncio.sleep(0.05)
    assert desk.store.writes == 1


async def test_a_new_login_reaches_the_files_at_once(desk):
    await desk.save(make_state(ended="it was", access_token=None))
    desk.kept.keep()
    await wait_until(lambda: desk.kept.is_ended)
    await desk.save(make_state(access_token="access-9"))
    desk.kept.wake()
    await wait_until(lambda: desk.store.files.get("access_token") == b"access-9")
    assert not desk.kept.is_ended


async def test_what_may_have_changed_is_looked_at_and_nothing_else(desk):
    await desk.save(make_state())
    await desk.kept.write(is_start=True)
    await desk.kept.write()
    assert desk.store.looks == 0
    await desk.kept.write(is_start=True)
    assert desk.store.looks == 1
    restarted = desk.restart()
    await restarted.write()
    await restarted.write()
    assert desk.store.looks == 2


async def test_a_wake_is_one_look(desk):
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.writes)
    desk.kept.wake()
    await wait_until(lambda: desk.store.writes == 2)
    await asyncio.sleep(0.05)
    assert desk.store.writes == 2


async def test_a_wake_during_a_write_is_not_lost(desk):
    desk.connectors = [Connector()]
    desk.connectors[0].answering.clear()
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.connectors[0].issued)
    await desk.save(make_state(access_token="access-9"))
    desk.kept.wake()
    desk.connectors[0].answering.set()
    await wait_until(lambda: desk.store.files and desk.store.files["access_token"] == b"access-9")


async def test_a_login_waits_until_its_servers_are_told(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.files)
    desk.provider.answering.clear()
    await desk.save(make_due_state(access_token="access-9"))
    desk.kept.wake()
    await desk.kept.wait_until_told(0.05)
    assert desk.store.files["access_token"] == b"access-0"
    desk.provider.answering.set()
    await desk.kept.wait_until_told(5)
    assert desk.store.files["access_token"] == b"access-1"


async def test_nobody_waits_where_nothing_is_kept(desk):
    async with asyncio.timeout(1):
        await desk.kept.wait_until_told(60)


async def test_a_doubted_login_that_has_ended_is_told(desk):
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.files)
    desk.provider.trouble = ENDED
    await desk.kept.doubt(5)
    await wait_until(lambda: set(desk.store.files) == {"credentials.json"})


async def test_tokens_too_short_for_a_node_are_told_once(desk, caplog):
    desk.kept.reading_delay = 90
    for _ in range(3):
        await desk.save(make_state(lifetime=60))
        await desk.kept.write()
    assert caplog.text.count("live for 60 s") == 1


async def test_tokens_that_are_long_enough_are_no_matter(desk, caplog):
    desk.kept.reading_delay = 90
    await desk.save(make_state(lifetime=300))
    await desk.kept.write()
    await desk.save(make_state(lifetime=None))
    await desk.kept.write()
    assert "live for" not in caplog.text


async def test_a_store_that_fails_is_tried_again(desk, caplog):
    await desk.save(make_state())
    desk.store.trouble = CredentialUnavailable("the API server is down")
    desk.kept.keep()
    await wait_until(lambda: "the API server is down" in caplog.text)
    assert "Traceback" not in caplog.text
    desk.store.trouble = None
    await wait_until(lambda: desk.store.files is not None)
    assert desk.index["state"] == "valid"


@pytest.mark.parametrize("count", range(2))
async def test_a_database_that_fails_ends_no_keeping(desk, count, caplog):
    """Wherever in a round it fails."""
    await desk.save(make_state())
    execute, calls = desk.user.db.execute, []

    def fail_once(*arguments, **options):
        calls.append(arguments)
        if len(calls) == count + 1:
            raise OSError("the disk is full")
        return execute(*arguments, **options)

    desk.user.db.execute = fail_once
    desk.kept.keep()
    await wait_until(lambda: len(calls) > count)
    await asyncio.sleep(0.01)
    desk.kept.wake()
    await wait_until(lambda: desk.store.files and len(calls) > count + 1)
    assert desk.store.files["access_token"] == b"access-0"


# Taken away


async def test_the_end(desk):
    desk.connectors = [Connector()]
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.files)
    await desk.end()
    assert desk.store.files is None
    assert desk.connectors[0].revoked == [1]
    assert desk.kept.health is None
    assert (await desk.read())["access_token"] == "access-0"
    await asyncio.sleep(0.05)
    assert desk.store.files is None


async def test_an_end_at_the_moment_of_a_wake(desk):
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.files)
    await asyncio.sleep(0.05)
    desk.kept.wake()
    await desk.end()
    await asyncio.sleep(0.05)
    assert desk.store.files is None


async def test_the_end_waits_for_a_write(desk):
    desk.connectors = [Connector()]
    desk.connectors[0].answering.clear()
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.connectors[0].issued)
    ending = asyncio.create_task(desk.end())
    await asyncio.sleep(0.01)
    desk.connectors[0].answering.set()
    await ending
    assert desk.connectors[0].revoked == [1]
    assert desk.store.files is None


async def test_the_end_waits_for_a_refresh(desk):
    await desk.save(make_due_state())
    desk.provider.answering.clear()
    desk.kept.keep()
    await wait_until(desk.provider.count_requests)
    ending = asyncio.create_task(desk.end())
    await asyncio.sleep(0.01)
    desk.provider.answering.set()
    await ending
    assert (await desk.read())["refresh_token"] == "refresh-1"
    assert desk.store.files is None


async def test_the_end_waits_for_a_refresh_that_a_start_did_not_wait_for(desk):
    await desk.save(make_due_state())
    desk.provider.answering.clear()
    await desk.kept.freshen(0.01)
    ending = asyncio.create_task(desk.end())
    await asyncio.sleep(0.01)
    desk.provider.answering.set()
    await ending
    assert (await desk.read())["refresh_token"] == "refresh-1"
    assert not desk.store.is_held


async def test_an_end_that_is_none_any_more(desk):
    await desk.save(make_state())
    await desk.kept.write()
    await desk.kept.end(lambda: False)
    assert desk.store.files["access_token"] == b"access-0"


async def test_a_store_that_cannot_be_removed_is_left_to_the_sweep(desk, caplog):
    await desk.save(make_state())
    await desk.kept.write()
    desk.store.trouble = CredentialUnavailable("the API server is down")
    await desk.end()
    assert "next sweep" in caplog.text
    desk.store.trouble = None


async def test_the_directory_is_gone_after_an_end_in_the_middle_of_a_write(database, tmp_path):
    store = DirectoryStore(tmp_path / "c", "7", "ada")
    desk = Desk(database, store)
    await desk.save(make_state())
    for wait in (0, 0.001, 0.002, 0.005, 0.01, 0.02):
        await desk.save(make_state(access_token=f"access-of-{wait}"))
        desk.kept.keep()
        await asyncio.sleep(wait)
        await desk.end()
        assert not store.path.exists()


async def test_a_user_who_was_removed_meanwhile(desk):
    await desk.save(make_state())
    desk.kept.keep()
    await wait_until(lambda: desk.store.files)
    desk.user.db.delete(desk.user.orm_user)
    desk.user.db.commit()
    desk.kept.wake()
    await wait_until(lambda: desk.kept.is_ended)
    assert set(desk.store.files) == {"credentials.json"}

"""What a start does about its owner's credentials, and what a running server's hub does."""

import asyncio
from types import SimpleNamespace

import pytest
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.handlers.pages import SpawnHandler
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import TraitError

from jhub_gateway.credential_spawner import (
    CREDENTIALS_VARIABLE,
    NOT_WRITTEN,
    CredentialSpawner,
)
from jhub_gateway.errors import ConfigurationError, CredentialUnavailable, StartRefused
from jhub_gateway.refusals import LOGIN_ENDED
from tests.unit.credential_helpers import (
    ENDED,
    Hub,
    MemoryStore,
    Provider,
    make_due_state,
    make_login,
    make_state,
    wait_until,
)
from tests.unit.data_servers import FlagSpawner, set_groups

PLAIN = {"name": "api", "system": "plain", "allowed_groups": ["staff"]}
OPEN = {"name": "wes", "system": "plain"}


class Server(CredentialSpawner, FlagSpawner):
    """Its files are in memory."""

    active = True

    def make_credential_store(self):
        return self.store


@pytest.fixture
async def server(database):
    server = make_server(database)
    keeper = server.authenticator.keeper
    yield server
    for kept in keeper._users.values():
        kept.drop()


def make_server(database, **traits):
    user = Hub(database).find_user()
    login = make_login(Provider())
    orm_spawner = user.orm_user.orm_spawners[""]
    server = Server(user=user, authenticator=login, orm_spawner=orm_spawner, **traits)
    server.store = MemoryStore()
    user.spawners[""] = server
    return server


async def load(server, state=None):
    await server.user.save_auth_state(state or make_state())
    await server.load_owner()
    await server.load_credentials()


def ask(server, cls, user=None):
    """Let a request of the user's be what asks for the start."""
    server.handler = cls.__new__(cls)
    server.handler._jupyterhub_user = user or server.user
    server.handler.application = SimpleNamespace(settings={})


async def test_a_start_writes_the_files_and_keeps_them_fresh(server):
    await load(server)
    assert server.store.files["access_token"] == b"access-0"
    await server.user.save_auth_state(make_state(access_token="access-9"))
    await server.authenticator.keeper.take_up(server.user)
    await wait_until(lambda: server.store.files["access_token"] == b"access-9")


async def test_the_environment_names_the_directory_and_nothing_else(server):
    assert server.make_credential_environment("/run/x") == {CREDENTIALS_VARIABLE: "/run/x"}


@pytest.mark.parametrize("wanted", [{"credential_files": False}, {"gives_subject": False}])
async def test_a_hub_without_credentials(server, wanted):
    server.credential_files = wanted.get("credential_files", True)
    if "gives_subject" in wanted:
        server.authenticator = SimpleNamespace()
    await server.load_credentials()
    assert server.store.files is None
    assert server.make_credential_environment("/run/x") == {}
    assert await server.poll() is None


async def test_files_that_cannot_be_written_refuse_the_start(server):
    server.store.trouble = CredentialUnavailable("the Secret 'x' is forbidden")
    with pytest.raises(StartRefused) as refusal:
        await load(server)
    assert str(refusal.value) == NOT_WRITTEN
    assert refusal.value.cause == "the Secret 'x' is forbidden"


async def test_a_login_that_has_ended_asks_its_user_for_another(server):
    server.authenticator.http_client.trouble = ENDED
    ask(server, SpawnHandler)
    with pytest.raises(StartRefused) as refusal:
        await load(server, make_due_state())
    assert str(refusal.value) == LOGIN_ENDED


@pytest.mark.parametrize("who", ["api", "administrator", "nobody"])
async def test_who_cannot_log_in_again_gets_a_server(server, who):
    server.authenticator.http_client.trouble = ENDED
    if who == "api":
        ask(server, UserServerAPIHandler)
    elif who == "administrator":
        ask(server, SpawnHandler, SimpleNamespace(name="root"))
    await load(server, make_due_state())
    assert set(server.store.files) == {"credentials.json"}


@pytest.mark.parametrize("cls", [SpawnHandler, UserServerAPIHandler])
async def test_who_was_removed_starts_nothing_by_their_own_token(server, cls):
    login = server.authenticator
    login.end_sessions_with_login = True
    login.http_client.trouble = ENDED
    await server.user.save_auth_state(make_due_state())
    for _ in range(2):
        ask(server, cls)
        with pytest.raises(HTTPError) as refusal:
            await login.pre_spawn_start(server.user, server)
        assert refusal.value.status_code == 403
        assert LOGIN_ENDED in refusal.value.jupyterhub_message


async def test_a_token_that_was_taken_back_is_enough(server):
    login = server.authenticator
    login.end_sessions_with_login = True
    login.http_client.trouble, login.http_client.answers["userinfo"] = ENDED, HTTPClientError(401)
    await server.user.save_auth_state(make_state())
    ask(server, UserServerAPIHandler)
    with pytest.raises(HTTPError):
        await login.pre_spawn_start(server.user, server)


@pytest.mark.parametrize("who", ["owner", "administrator", "hub"])
async def test_others_start_servers_of_an_ended_login(server, who):
    login = server.authenticator
    login.end_sessions_with_login = who != "owner"
    login.http_client.trouble = ENDED
    await server.user.save_auth_state(make_due_state())
    if who != "hub":
        asking = server.user if who == "owner" else SimpleNamespace(name="root")
        ask(server, UserServerAPIHandler, asking)
    await login.pre_spawn_start(server.user, server)


async def test_a_new_login_starts_servers_again(server):
    login = server.authenticator
    login.end_sessions_with_login = True
    for state in (make_state(), None):
        await server.user.save_auth_state(state)
        ask(server, UserServerAPIHandler)
        await login.pre_spawn_start(server.user, server)


async def test_credentials_follow_the_owners_groups(server):
    server.credentials = [PLAIN, OPEN]
    server.user = SimpleNamespace(groups=[])
    assert list(server.find_credential_sources()) == ["wes"]
    set_groups(server, "staff")
    found = server.find_credential_sources()
    assert list(found) == ["api", "wes"]
    assert server.find_credential_sources()["api"] is found["api"]


@pytest.mark.parametrize(
    "entries", [[{"name": "x"}], [{"name": "x", "system": "ftp"}], [OPEN, OPEN], [{}]]
)
def test_wrong_settings_are_refused(server, entries):
    with pytest.raises((ConfigurationError, TraitError)):
        server.credentials = entries


# While it runs


async def test_a_hub_that_was_restarted_takes_up_its_servers(server):
    await server.user.save_auth_state(make_state())
    assert await server.poll() is None
    await wait_until(lambda: server.store.files)
    assert server.store.files["access_token"] == b"access-0"


async def test_a_server_that_ended_is_not_watched(server):
    await server.user.save_auth_state(make_state())
    server.is_running = False
    assert await server.poll() == 1
    await asyncio.sleep(0.02)
    assert server.store.files is None


async def test_a_look_that_ends_after_the_server_did_begins_nothing(server):
    await server.user.save_auth_state(make_state())
    server.active = False
    assert await server.poll() is None
    await asyncio.sleep(0.02)
    assert server.store.files is None


async def test_a_server_of_a_user_without_a_login_runs_on(server):
    assert await server.poll() is None
    await asyncio.sleep(0.02)
    assert server.store.files is None


async def test_the_last_server_takes_the_files_with_it(server):
    await load(server)
    await server.authenticator.post_spawn_stop(server.user, server)
    assert server.store.files is None

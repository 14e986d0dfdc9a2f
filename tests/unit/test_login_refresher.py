"""One user's login is refreshed ahead of its end: once, whoever asks, and whatever goes wrong."""

import asyncio
import logging
import time
from contextlib import suppress

import pytest
from tornado.httpclient import HTTPClientError

from jhub_gateway.credentials.auth_states import read_state, replace_state
from jhub_gateway.credentials.directory_store import DirectoryStore
from jhub_gateway.credentials.login_refresher import LoginRefresher
from jhub_gateway.errors import CredentialUnavailable, LoginRefused
from tests.unit.credential_helpers import (
    ENDED,
    LIFETIME,
    LOG,
    Clock,
    Hub,
    MemoryStore,
    Provider,
    make_due_state,
    make_failure,
    make_login,
    make_state,
    use_key,
    wait_until,
)
from tests.unit.provider_keys import Signer, make_claims

DOWN = [
    HTTPClientError(503),
    HTTPClientError(599),
    make_failure(500, "<html>"),
    make_failure(429, {"error": "invalid_request"}),
    make_failure(400, "<html>"),
    make_failure(400, {"error": "temporarily_unavailable"}),
    ConnectionRefusedError(),
    b"<html>",
    b"",
    [],
    {},
    {"access_token": 7},
    {"access_token": ""},
    {"access_token": None, "expires_in": 300},
]
MISTAKES = [
    make_failure(401, {"error": "invalid_client"}),
    make_failure(400, {"error": "unauthorized_client"}),
]


@pytest.fixture
async def desk(database):
    return Desk(database, Provider(), MemoryStore())


class Desk:
    """A user at one process of a hub, with a login that has to be refreshed."""

    def __init__(self, database, provider, store, **settings):
        self.provider, self.store, self.clock = provider, store, Clock()
        self.user = Hub(database).find_user()
        self.login = make_login(provider, **settings)
        self.refresher = LoginRefresher(self.user, self.login, store, LOG, self.clock)

    async def save(self, state):
        await self.user.save_auth_state(state)

    async def read(self):
        return (await read_state(self.user))[0]

    def find_wait(self, state):
        return self.refresher.find_next(state) - self.clock()


# Once


async def test_twenty_who_ask_at_once_make_one_request(desk):
    await desk.save(make_due_state())
    states = await asyncio.gather(*(desk.refresher.get() for _ in range(20)))
    assert desk.provider.count_requests() == 1
    assert {state["access_token"] for state in states} == {"access-1"}
    assert (await desk.read())["refresh_token"] == "refresh-1"


async def test_nothing_is_asked_before_it_is_due(desk):
    await desk.save(make_state(age=LIFETIME * 0.49))
    assert (await desk.refresher.get())["access_token"] == "access-0"
    assert desk.provider.requests == []
    desk.clock.ahead = LIFETIME * 0.12
    assert (await desk.refresher.get())["access_token"] == "access-1"


async def test_two_processes_of_a_hub_make_one_request(database, tmp_path):
    provider = Provider()
    desks = [Desk(database, provider, DirectoryStore(tmp_path / "c", "7", "ada")) for _ in "ab"]
    await desks[0].save(make_due_state())

    async def refresh(desk):
        for _ in range(4):
            state = await desk.refresher.get()
            await desk.store.write({"access_token": state["access_token"].encode()})
            desk.refresher.retry_now()
        return state["access_token"]

    assert await asyncio.gather(*map(refresh, desks)) == ["access-1", "access-1"]
    assert provider.count_requests() == 1


async def test_who_gets_no_claim_asks_nobody_and_looks_again_soon(desk):
    await desk.save(make_due_state())
    desk.store.is_free = False
    state = await desk.refresher.get()
    assert state["access_token"] == "access-0"
    assert desk.provider.requests == []
    assert 0 < desk.find_wait(state) <= 1
    assert desk.refresher.failures == 0
    desk.store.is_free = True
    desk.clock.ahead = 1.1
    assert (await desk.refresher.get())["access_token"] == "access-1"


async def test_the_claim_is_held_until_the_files_are_written(desk):
    await desk.save(make_due_state())
    await desk.refresher.get()
    assert desk.store.is_held


async def test_what_another_process_refreshed_before_the_claim_is_taken(desk):
    await desk.save(make_due_state())
    claim = desk.store.claim

    async def claim_late():
        await desk.save(make_state(access_token="of another", refresh_token="newer"))
        return await claim()

    desk.store.claim = claim_late
    assert (await desk.refresher.get())["access_token"] == "of another"
    assert desk.provider.requests == []


async def test_a_store_that_fails_is_no_reason_to_ask_without_it(desk):
    await desk.save(make_due_state())
    desk.store.trouble = CredentialUnavailable("the API server is down")
    state = await desk.refresher.get()
    assert state["access_token"] == "access-0"
    assert desk.provider.requests == []
    assert desk.find_wait(state) > 0


# What is saved


async def test_what_a_refresh_leaves_behind(desk):
    await desk.save(make_due_state(display_name="Ada", kept={"arvados": {}}))
    before = await desk.read()
    state = await desk.refresher.get()
    assert state["display_name"] == "Ada"
    assert state["kept"] == {"arvados": {}}
    assert state["subject"] == "7"
    assert state["requested_at"] > before["requested_at"]
    assert state["expires_at"] == pytest.approx(state["requested_at"] + LIFETIME)
    assert state["token_response"]["access_token"] == "access-1"
    assert not state["ended"]


async def test_a_refresh_token_that_is_not_rotated_stays(desk):
    desk.provider.rotates = False
    await desk.save(make_due_state())
    for count in (1, 2):
        assert (await desk.refresher.get())["access_token"] == f"access-{count}"
        assert (await desk.read())["refresh_token"] == "refresh-0"
        desk.clock.ahead += LIFETIME


async def test_a_token_without_a_lifetime_is_not_refreshed_again(desk):
    desk.provider.more = {}
    await desk.save(make_due_state())
    state = await desk.refresher.get()
    assert state["access_token"] == "access-1"
    assert state["expires_at"] is None
    assert desk.refresher.find_next(state) is None
    desk.clock.ahead = 10 * LIFETIME
    assert (await desk.refresher.get())["access_token"] == "access-1"


async def test_a_lifetime_that_no_number_can_hold(desk):
    desk.provider.more = {"expires_in": 10**400}
    await desk.save(make_due_state())
    assert (await desk.refresher.get())["refresh_token"] == "refresh-1"


async def test_a_state_of_an_older_version_is_refreshed_at_once(desk):
    state = make_state()
    for key in ("requested_at", "expires_at", "ended"):
        del state[key]
    await desk.save(state)
    assert (await desk.refresher.get())["access_token"] == "access-1"


async def test_a_cancelled_request_of_a_user_loses_no_rotated_token(desk):
    await desk.save(make_due_state())
    desk.provider.answering.clear()
    asking = asyncio.create_task(desk.refresher.get())
    await wait_until(desk.provider.count_requests)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    desk.provider.answering.set()
    assert (await desk.refresher.get())["refresh_token"] == "refresh-1"
    assert desk.provider.count_requests() == 1


async def test_who_has_no_patience_gets_the_old_token(desk):
    await desk.save(make_due_state())
    desk.provider.answering.clear()
    assert (await desk.refresher.get(patience=0.05))["access_token"] == "access-0"
    desk.provider.answering.set()
    assert (await desk.refresher.get(patience=5))["access_token"] == "access-1"
    assert desk.provider.count_requests() == 1


@pytest.mark.parametrize("meanwhile", ["nothing", "login"])
async def test_a_database_that_fails_loses_no_rotated_token(desk, monkeypatch, meanwhile):
    await desk.save(make_due_state())

    async def fail(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("jhub_gateway.credentials.login_refresher.replace_state", fail)
        assert (await desk.refresher.get())["refresh_token"] == "refresh-0"
    if meanwhile == "login":
        await desk.save(make_due_state(access_token="access-9", refresh_token="refresh-1"))
    desk.clock.ahead = 1.1
    await desk.refresher.get()
    expected = {"nothing": "refresh-1", "login": "refresh-2"}[meanwhile]
    assert (await desk.refresher.get())["refresh_token"] == expected
    assert not (await desk.read())["ended"]


# Meanwhile


async def refresh_while(desk, change):
    """Return the state after a refresh during which ``change`` happens."""
    desk.provider.answering.clear()
    asking = asyncio.create_task(desk.refresher.get())
    await wait_until(desk.provider.count_requests)
    await change()
    desk.provider.answering.set()
    return await asking


async def test_a_login_in_the_middle_of_a_refresh_wins(desk):
    await desk.save(make_due_state())

    async def log_in():
        await desk.save(make_state(access_token="of the login", refresh_token="of the login"))

    state = await refresh_while(desk, log_in)
    assert state["access_token"] == state["refresh_token"] == "of the login"


async def test_a_login_in_the_middle_of_a_refusal_wins(desk):
    await desk.save(make_due_state())
    desk.provider.trouble = ENDED

    async def log_in():
        await desk.save(make_state(access_token="of the login", refresh_token="of the login"))

    assert not (await refresh_while(desk, log_in))["ended"]


async def test_what_a_connector_keeps_in_the_middle_of_a_refresh_costs_no_token(desk):
    await desk.save(make_due_state())

    async def keep():
        state, seen = await read_state(desk.user)
        assert await replace_state(desk.user, seen, {**state, "kept": {"jatos": {"id": 4}}})

    state = await refresh_while(desk, keep)
    assert state["refresh_token"] == "refresh-1"
    assert state["kept"] == {"jatos": {"id": 4}}


async def test_a_changed_key_in_the_middle_of_a_refresh_costs_no_token(desk):
    await desk.save(make_due_state())

    async def encrypt_again():
        use_key(bytes(range(32, 64)), bytes(range(32)))
        await desk.user.get_auth_state()

    assert (await refresh_while(desk, encrypt_again))["refresh_token"] == "refresh-1"


async def test_a_user_removed_in_the_middle_of_a_refresh(desk, caplog):
    await desk.save(make_due_state())

    async def remove():
        desk.user.db.delete(desk.user.orm_user)
        desk.user.db.commit()

    with caplog.at_level(logging.WARNING):
        assert await refresh_while(desk, remove) is None
    assert caplog.records == []


# What goes wrong


@pytest.mark.parametrize("trouble", DOWN + MISTAKES, ids=repr)
async def test_a_provider_in_trouble_ends_nothing(desk, trouble, caplog):
    await desk.save(make_due_state())
    desk.provider.trouble = trouble
    state = await desk.refresher.get()
    assert (state["access_token"], state["refresh_token"]) == ("access-0", "refresh-0")
    assert not state["ended"]
    assert 0.5 <= desk.find_wait(state) + 0.1 <= 1.1
    assert not desk.store.is_held
    assert "refresh-0" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_the_log_names_the_operators_mistake(desk, caplog):
    await desk.save(make_due_state())
    desk.provider.trouble = MISTAKES[0]
    await desk.refresher.get()
    assert "401 invalid_client" in caplog.text


async def test_waits_grow_to_a_minute_and_begin_anew_after_a_success(desk):
    await desk.save(make_due_state())
    desk.provider.trouble = HTTPClientError(503)
    waits = []
    for _ in range(12):
        waits.append(desk.find_wait(await desk.refresher.get()))
        desk.clock.ahead += waits[-1] + 0.01
    for earlier, later in zip(waits, waits[2:], strict=False):
        assert later >= earlier * 0.99 or later >= 29
    assert all(29 <= wait <= 60 for wait in waits[7:])
    assert desk.provider.count_requests() == 12
    desk.provider.trouble = None
    assert (await desk.refresher.get())["access_token"] == "access-1"
    assert desk.refresher.failures == 0
    desk.provider.trouble = HTTPClientError(503)
    desk.clock.ahead += LIFETIME
    assert desk.find_wait(await desk.refresher.get()) <= 1


async def test_between_retries_nobody_asks(desk):
    await desk.save(make_due_state())
    desk.provider.trouble = HTTPClientError(503)
    for _ in range(5):
        await desk.refresher.get()
    assert desk.provider.count_requests() == 1


async def test_a_user_who_logs_in_again_need_not_wait(desk):
    await desk.save(make_due_state())
    desk.provider.trouble = HTTPClientError(503)
    await desk.refresher.get()
    desk.provider.trouble = None
    desk.refresher.retry_now()
    assert (await desk.refresher.get())["access_token"] == "access-1"


@pytest.mark.parametrize("error", ["invalid_grant", "bad_refresh_token"])
async def test_a_login_that_the_provider_has_ended(desk, error, caplog):
    await desk.save(make_due_state(id_token="secret-id", display_name="Ada"))
    desk.provider.trouble = make_failure(400, {"error": error, "error_description": "refresh-0"})
    state = await desk.refresher.get()
    assert error in state["ended"]
    assert not any(state[name] for name in ("access_token", "refresh_token", "id_token"))
    assert "access-0" not in str(state)
    assert (state["subject"], state["display_name"]) == ("7", "Ada")
    assert desk.refresher.find_next(state) is None
    await desk.refresher.get()
    assert desk.provider.count_requests() == 1
    assert "refresh-0" not in caplog.text


async def test_without_a_refresh_token_a_login_holds_to_its_end(desk):
    await desk.save(make_due_state(refresh_token=None))
    state = await desk.refresher.get()
    assert state["access_token"] == "access-0"
    assert desk.refresher.find_next(state) == state["expires_at"]
    desk.clock.ahead = LIFETIME
    assert "no refresh token" in (await desk.refresher.get())["ended"]
    assert desk.provider.requests == []


async def test_a_login_in_doubt_is_refreshed_once_due_or_not(desk):
    await desk.save(make_state())
    assert (await desk.refresher.get(is_doubted=True))["access_token"] == "access-1"
    assert (await desk.refresher.get())["access_token"] == "access-1"
    assert desk.provider.count_requests() == 1


async def test_a_login_in_doubt_that_nothing_can_refresh_has_ended(desk):
    await desk.save(make_state(refresh_token=None))
    assert "no refresh token" in (await desk.refresher.get(is_doubted=True))["ended"]


async def test_a_doubt_is_not_of_the_next_login(desk):
    await desk.save(make_due_state(refresh_token=None, ended="over"))
    await desk.refresher.get(is_doubted=True)
    desk.refresher.retry_now()
    await desk.save(make_state(refresh_token=None))
    assert not (await desk.refresher.get())["ended"]


async def test_a_login_in_doubt_while_the_provider_is_down_is_asked_for_again(desk):
    await desk.save(make_state())
    desk.provider.trouble = HTTPClientError(503)
    assert (await desk.refresher.get(is_doubted=True))["access_token"] == "access-0"
    await desk.refresher.get()
    assert desk.provider.count_requests() == 1
    desk.provider.trouble = ENDED
    desk.clock.ahead = 1.1
    assert (await desk.refresher.get())["ended"]


async def test_sessions_end_with_the_login_if_the_operator_wants_it(desk):
    desk.provider.trouble = ENDED
    for wanted in (False, True):
        desk.login.end_sessions_with_login = wanted
        await desk.save(make_due_state())
        cookie = desk.user.cookie_id
        assert (await desk.refresher.get())["ended"]
        assert (desk.user.cookie_id != cookie) == wanted
        desk.refresher.retry_now()


async def test_no_state_needs_nothing(desk):
    assert await desk.refresher.get() is None
    assert desk.refresher.find_next(None) is None


# ID tokens


@pytest.mark.parametrize(
    "make",
    [
        lambda provider: provider.make_id_token(sub="8"),
        lambda provider: provider.make_id_token(aud="another-client"),
        lambda provider: provider.make_id_token(iss="https://elsewhere.org"),
        lambda _: Signer(number=1).sign({"sub": "7"}),
        lambda _: ["no text"],
    ],
)
async def test_a_wrong_id_token_ends_the_login(desk, make, caplog):
    await desk.save(make_due_state())
    desk.provider.more["id_token"] = make(desk.provider)
    state = await desk.refresher.get()
    assert state["ended"]
    assert not state["ended"].endswith("None")
    assert not state["access_token"]


@pytest.mark.parametrize(
    "make",
    [
        lambda _: Signer("not published yet").sign(make_claims()),
        lambda provider: provider.make_id_token(sub="7", iat=int(time.time()) + 600),
        lambda provider: provider.make_id_token(sub="7", exp=int(time.time()) - 600),
    ],
)
async def test_an_id_token_that_cannot_be_verified_yet_ends_no_login(desk, make):
    await desk.save(make_due_state(id_token="old"))
    desk.provider.more["id_token"] = make(desk.provider)
    state = await desk.refresher.get()
    assert not state["ended"]
    assert (state["access_token"], state["refresh_token"]) == ("access-1", "refresh-1")
    assert state["id_token"] == "old"


async def test_a_key_that_was_changed_under_its_name_ends_no_login(desk):
    await desk.save(make_due_state(id_token="old"))
    # The keys were asked for just now, for other users.
    for name in ("two", "three"):
        with suppress(LoginRefused):
            await desk.login._read_id_token({"id_token": Signer(name).sign(make_claims())})
    desk.provider.more["id_token"] = Signer(number=1).sign(make_claims())
    assert (await desk.refresher.get())["access_token"] == "access-1"


async def test_a_forged_notice_keeps_no_login_from_a_new_key(desk):
    await desk.save(make_due_state())
    await desk.login._read_id_token({"id_token": desk.provider.make_id_token()})
    for name in ("forged", "forged too"):
        with suppress(LoginRefused):
            await desk.login.read_logout_token(Signer(name).sign(make_claims()))
    desk.provider.signer = new = Signer("new", number=1)
    desk.provider.answers["certs"] = {"keys": [new.make_jwk()]}
    desk.provider.more["id_token"] = desk.provider.make_id_token(sub="7")
    assert (await desk.refresher.get())["id_token"] == desk.provider.more["id_token"]


async def test_an_id_token_of_the_same_user_is_kept(desk):
    await desk.save(make_due_state(id_token="old"))
    desk.provider.more["id_token"] = desk.provider.make_id_token(sub="7", nonce="of the login")
    assert (await desk.refresher.get())["id_token"] == desk.provider.more["id_token"]


async def test_tokens_are_kept_while_the_keys_cannot_be_had(desk):
    await desk.save(make_due_state(id_token="old"))
    desk.provider.answers["certs"] = HTTPClientError(503)
    desk.provider.more["id_token"] = desk.provider.make_id_token(sub="7")
    state = await desk.refresher.get()
    assert (state["access_token"], state["refresh_token"]) == ("access-1", "refresh-1")
    assert state["id_token"] == "old"


# The account


async def test_the_groups_of_today(desk):
    await desk.save(make_due_state())
    await desk.refresher.get()
    assert [group.name for group in desk.user.groups] == ["staff"]


@pytest.mark.parametrize("userinfo", [HTTPClientError(401), HTTPClientError(503), [], {"sub": 1}])
async def test_groups_that_cannot_be_had_cost_no_token(desk, userinfo, caplog):
    await desk.save(make_due_state())
    desk.provider.answers["userinfo"] = userinfo
    assert (await desk.refresher.get())["refresh_token"] == "refresh-1"
    assert desk.refresher.failures == 0
    assert desk.store.is_held
    assert "Traceback" not in caplog.text


async def test_an_account_that_fails_in_any_way_costs_no_token(desk, caplog):
    async def update_account(_user, _state):
        raise TypeError("'list' object is not a mapping")

    desk.login.update_account = update_account
    await desk.save(make_due_state())
    assert (await desk.refresher.get())["refresh_token"] == "refresh-1"
    assert desk.refresher.failures == 0


async def test_a_database_in_trouble_is_told_once(desk, caplog):
    """No task ends with an exception that nobody looks at."""
    await desk.save(make_due_state())
    unheard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    execute, desk.user.db.execute = desk.user.db.execute, None
    with pytest.raises(TypeError):
        await desk.refresher.get()
    desk.user.db.execute = execute
    desk.refresher._running = None
    await asyncio.sleep(0.01)
    assert unheard == []

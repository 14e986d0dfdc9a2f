"""A login begins with a nonce, and a logout ends at the provider too."""

import asyncio
import logging
from contextlib import asynccontextmanager
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from jupyterhub import orm
from tornado.httpclient import HTTPClientError

from jhub_gateway.credentials import auth_states
from jhub_gateway.errors import LoginRefused
from jhub_gateway.login.accounts import Accounts, read_session
from jhub_gateway.login.nonces import find_nonce, make_nonce
from jhub_gateway.login.sessions import end_sessions, stop_servers, sync_account
from jhub_gateway.providers import GitHubGatewayAuthenticator
from tests.unit.credential_helpers import (
    CLIENT_ID,
    DOCUMENT,
    ISSUER,
    Hub,
    Provider,
    make_login,
    make_state,
    use_key,
)
from tests.unit.login_pages import serve_pages
from tests.unit.provider_keys import make_claims

CALLBACK = "https://hub.gateway.org/hub/oauth_callback"


@pytest.fixture
def hub(tmp_path):
    use_key()
    return Hub(f"sqlite:///{tmp_path}/hub.sqlite")


@asynccontextmanager
async def log_in(hub, provider=None, state=None, **settings):
    """Yield the browser of a user who is logged in."""
    login = make_login(provider or Provider(), **{"oauth_callback_url": CALLBACK, **settings})
    async with serve_pages(hub, login) as pages:
        await pages.users[hub.find_user().orm_user].save_auth_state(
            make_state(id_token="a.b.c") if state is None else state
        )
        browser = pages.open()
        await browser.post("/hub/who", name="ada")
        yield browser


def read_redirect(answer):
    """Return the address without its query, and the query."""
    assert answer.code == 302
    parts = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts._replace(query="").geturl(), query


# The beginning of a login


async def test_a_login_sends_a_nonce_of_its_browsers_cookie(hub):
    async with log_in(hub) as browser:
        address, query = read_redirect(await browser.get("/hub/oauth_login?next=%2Fhub%2Fhome"))
        assert address == DOCUMENT["authorization_endpoint"]
        assert len(query["nonce"]) == 64
        assert {"code_challenge", "state", "client_id", "redirect_uri"} <= set(query)
        cookies = " ".join(browser.cookies.values())
        assert query["nonce"] not in cookies
        _, again = read_redirect(await browser.get("/hub/oauth_login"))
        assert again["nonce"] != query["nonce"]


def test_no_browser_has_no_nonce():
    assert find_nonce(None) is None
    assert find_nonce(SimpleNamespace(get_state_cookie=lambda: "")) is None
    assert find_nonce(SimpleNamespace(get_state_cookie=lambda: "x")) == make_nonce("x")


@pytest.mark.parametrize("nonce", [None, "", "another", 7, [make_nonce("cookie")]])
async def test_an_id_token_of_another_login_is_refused(nonce):
    provider = Provider()
    token = provider.make_id_token(nonce=nonce)
    login = make_login(provider)
    info = {"access_token": "at", "token_type": "Bearer", "id_token": token}
    with pytest.raises(LoginRefused) as refusal:
        await login.token_to_user({**info, "nonce": make_nonce("cookie")})
    assert "nonce" in str(refusal.value.__cause__)


async def test_an_id_token_of_this_login():
    provider = Provider()
    token = provider.make_id_token(nonce=make_nonce("cookie"), sid="s1")
    info = {"access_token": "at", "token_type": "Bearer", "id_token": token}
    login = make_login(provider)
    user_info = await login.token_to_user({**info, "nonce": make_nonce("cookie")})
    assert user_info["sub"] == "7"
    assert login.build_auth_state_dict(info, user_info)["session"] == "s1"


@pytest.mark.parametrize("user_info", [[], None, "sub", 7, ["sub"], {"sub": "8"}, {"sub": 7.5}])
async def test_userinfo_of_a_wrong_kind_with_an_id_token_is_refused(user_info):
    provider = Provider()
    provider.answers["userinfo"] = user_info
    info = {"access_token": "at", "token_type": "Bearer", "id_token": provider.make_id_token()}
    with pytest.raises(LoginRefused):
        await make_login(provider).token_to_user(info)


# Its end


async def test_a_logout_ends_the_providers_session_too(hub):
    async with log_in(hub) as browser:
        address, query = read_redirect(await browser.get("/hub/logout"))
        assert address == DOCUMENT["end_session_endpoint"]
        assert query == {
            "id_token_hint": "a.b.c",
            "client_id": CLIENT_ID,
            "post_logout_redirect_uri": "https://hub.gateway.org/hub/login",
        }
        assert await browser.find_user() == ""


async def test_with_auto_login_the_way_back_does_not_log_in_again(hub):
    async with log_in(hub, auto_login=True) as browser:
        _, query = read_redirect(await browser.get("/hub/logout"))
        assert query["post_logout_redirect_uri"] == "https://hub.gateway.org/hub/logout"


async def test_the_operators_own_way_back(hub):
    back = "https://gateway.org/bye"
    async with log_in(hub, post_logout_redirect_url=back) as browser:
        _, query = read_redirect(await browser.get("/hub/logout"))
        assert query["post_logout_redirect_uri"] == back


async def test_a_login_without_an_id_token_has_no_hint(hub):
    async with log_in(hub, state=make_state()) as browser:
        address, query = read_redirect(await browser.get("/hub/logout"))
        assert address == DOCUMENT["end_session_endpoint"]
        assert "id_token_hint" not in query


def make_provider(**answers):
    provider = Provider()
    provider.answers |= answers
    return provider


WITHOUT = {name: url for name, url in DOCUMENT.items() if name != "end_session_endpoint"}
STAYS = [
    ({"openid-configuration": HTTPClientError(503)}, {}),
    ({"openid-configuration": {**DOCUMENT, "issuer": "https://evil.example"}}, {}),
    ({"openid-configuration": WITHOUT}, {}),
    ({}, {"end_provider_session": False}),
    ({}, {"oauth_callback_url": "http://hub.gateway.org/hub/oauth_callback"}),
]


@pytest.mark.parametrize(("answers", "settings"), STAYS, ids=str)
async def test_where_the_provider_cannot_end_its_session_the_hubs_ends(hub, answers, settings):
    async with log_in(hub, make_provider(**answers), **settings) as browser:
        address, _ = read_redirect(await browser.get("/hub/logout"))
        assert address == "/hub/oauth_login"
        assert await browser.find_user() == ""


async def test_the_operators_own_logout_page_goes_first(hub):
    async with log_in(hub, logout_redirect_url="https://gateway.org/bye") as browser:
        address, _ = read_redirect(await browser.get("/hub/logout"))
        assert address == "https://gateway.org/bye"


async def test_who_is_not_logged_in_is_not_sent_round_and_round(hub):
    async with log_in(hub) as browser:
        browser.cookies.clear()
        assert read_redirect(await browser.get("/hub/logout"))[0] == "/hub/oauth_login"


async def test_a_provider_without_openid_connect(hub):
    login = make_login(Provider(), GitHubGatewayAuthenticator, oauth_callback_url=CALLBACK)
    async with serve_pages(hub, login) as pages:
        await pages.users[hub.find_user().orm_user].save_auth_state(make_state())
        browser = pages.open()
        await browser.post("/hub/who", name="ada")
        assert read_redirect(await browser.get("/hub/logout"))[0] == "/hub/oauth_login"
        assert await browser.find_user() == ""


# The account


def find_roles(user):
    return {role.name for role in user.orm_user.roles}


def test_rights_and_groups_come_and_go(hub):
    user = hub.find_user()
    sync_account(user, {"admin": True, "groups": ["staff", "beta"]})
    assert user.admin
    assert "admin" in find_roles(user)
    assert {group.name for group in user.groups} == {"staff", "beta"}
    sync_account(user, {"admin": False, "groups": ["staff"]})
    assert not user.admin
    assert find_roles(user) == {"user"}
    assert {group.name for group in user.groups} == {"staff"}
    sync_account(user, {"admin": None, "groups": []})
    assert list(user.groups) == []


def test_what_the_provider_does_not_say_stays(hub):
    user = hub.find_user()
    sync_account(user, {"admin": True, "groups": ["staff"]})
    sync_account(user, {"admin": None})
    assert user.admin
    assert [group.name for group in user.groups] == ["staff"]


async def test_an_account_is_the_one_of_today(hub):
    user = hub.find_user()
    login = make_login(
        Provider(), allow_all=False, allowed_groups={"staff"}, admin_groups={"staff"}
    )
    assert await login.update_account(user, make_state())
    assert user.admin
    login.admin_groups = {"operators"}
    assert await login.update_account(user, make_state())
    assert not user.admin
    assert "admin" not in find_roles(user)


@pytest.mark.parametrize(
    "settings",
    [{"allowed_groups": {"beta"}}, {"allow_all": True, "blocked_users": {"ada"}}],
    ids=str,
)
async def test_who_may_not_stay_is_logged_out(hub, settings):
    login = make_login(Provider(), **{"allow_all": False, **settings})
    user = hub.find_user()
    before = user.cookie_id
    assert not await login.update_account(user, make_state())
    assert user.cookie_id != before


async def test_the_groups_of_a_refreshed_id_token(hub):
    provider, user = Provider(), hub.find_user()
    login = make_login(provider, userdata_from_id_token=True)
    state = make_state(token_response={"access_token": "access-0", "nonce": "of the login"})
    state["id_token"] = provider.make_id_token(preferred_username="ada", groups=["beta"])
    assert await login.update_account(user, state)
    assert [group.name for group in user.groups] == ["beta"]
    assert provider.count_requests("userinfo") == 0
    state["id_token"] = provider.make_id_token(sub="8", preferred_username="ada", groups=[])
    with pytest.raises(LoginRefused):
        await login.update_account(user, state)
    assert [group.name for group in user.groups] == ["beta"]


async def test_a_new_name_at_the_provider_gives_no_rights_of_it(hub):
    renamed = {"sub": "7", "preferred_username": "root", "groups": ["wheel"]}
    login = make_login(make_provider(userinfo=renamed), admin_users={"root"}, allow_all=True)
    user = hub.find_user()
    with pytest.raises(LoginRefused, match="name at the gateway has changed"):
        await login.update_account(user, make_state())
    assert not user.admin
    assert user.groups == []


async def test_another_users_userinfo_changes_nothing(hub):
    login = make_login(make_provider(userinfo={"sub": "8", "preferred_username": "ada"}))
    user = hub.find_user()
    sync_account(user, {"groups": ["staff"]})
    with pytest.raises(LoginRefused):
        await login.update_account(user, make_state())
    assert [group.name for group in user.groups] == ["staff"]


async def test_the_end_of_sessions_does_not_wait_for_servers(hub, monkeypatch):
    stopped = asyncio.Event()

    async def stop(_user):
        await asyncio.sleep(0.01)
        stopped.set()

    monkeypatch.setattr("jhub_gateway.login.sessions.stop_servers", stop)
    await end_sessions(hub.find_user(), with_servers=True)
    assert not stopped.is_set()
    async with asyncio.timeout(5):
        await stopped.wait()


async def test_servers_that_run_are_stopped_and_one_that_fails_hides_no_other(monkeypatch, caplog):
    stops = []

    async def delete_user(_user, name):
        if name == "broken":
            raise OSError("the proxy is down")

    async def stop(name):
        stops.append(name)

    hub = SimpleNamespace(
        proxy=SimpleNamespace(delete_user=delete_user), log=logging.getLogger("hub")
    )
    monkeypatch.setattr("jupyterhub.app.JupyterHub.instance", lambda: hub)
    servers = {"broken": True, "": True, "stopped": False}
    user = SimpleNamespace(
        name="ada",
        stop=stop,
        spawners={
            name: SimpleNamespace(ready=ready, pending=None) for name, ready in servers.items()
        },
    )
    await stop_servers(user)
    assert sorted(stops) == ["", "broken"]
    assert "broken" in caplog.text


@pytest.mark.parametrize("comes_up", [True, False])
async def test_a_server_that_is_just_starting_is_stopped_once_it_is_up(monkeypatch, comes_up):
    from jhub_gateway.login import sessions

    monkeypatch.setattr(sessions, "_LOOK_SECONDS", 0.01)
    stops = []

    async def note(*what):
        stops.append(what)

    hub = SimpleNamespace(proxy=SimpleNamespace(delete_user=note), log=logging.getLogger("hub"))
    monkeypatch.setattr("jupyterhub.app.JupyterHub.instance", lambda: hub)
    starting = SimpleNamespace(ready=False, pending="spawn")
    running = SimpleNamespace(ready=True, pending=None)
    user = SimpleNamespace(name="ada", spawners={"": starting, "two": running}, stop=note)
    stopping = asyncio.create_task(stop_servers(user))
    await asyncio.sleep(0.05)
    assert stops == [(user, "two"), ("two",)]
    starting.pending, starting.ready = None, comes_up
    await asyncio.wait_for(stopping, 5)
    assert stops[2:] == ([(user, ""), ("",)] if comes_up else [])


# Whose account it is


async def test_accounts_of_a_subject_or_a_session(hub):
    for name, subject, session in (("ada", "7", "s1"), ("grace", "8", None), ("new", None, None)):
        user = hub.find_user(name)
        if subject:
            await user.save_auth_state(make_state(subject=subject, session=session))

    accounts = Accounts()

    async def find(subject, session):
        return [user.name for user in await accounts.find(hub.db, subject, session)]

    assert await find("7", None) == ["ada"]
    assert await find(None, "s1") == ["ada"]
    assert await find(None, None) == []
    assert await find("9", None) == []
    assert isinstance((await accounts.find(hub.db, "7", None))[0], orm.User)


async def test_an_account_is_opened_once_for_all_notices_until_it_changes(hub, monkeypatch):
    opened = []

    async def open_state(encrypted):
        opened.append(encrypted)
        return await auth_states.open_state(encrypted)

    monkeypatch.setattr("jhub_gateway.login.accounts.open_state", open_state)
    users = [hub.find_user(name) for name in ("ada", "grace", "hypatia")]
    for number, user in enumerate(users):
        await user.save_auth_state(make_state(subject=str(number), session=f"s{number}"))
    accounts = Accounts()
    for _ in range(3):
        assert [one.name for one in await accounts.find(hub.db, "1", "s1")] == ["grace"]
    assert len(opened) == 3
    await users[0].save_auth_state(make_state(subject="1", session="s9"))
    assert [one.name for one in await accounts.find(hub.db, "1", None)] == ["ada", "grace"]
    assert len(opened) == 4
    assert await accounts.find(hub.db, None, "s0") == []
    hub.db.delete(users[0].orm_user)
    hub.db.commit()
    assert [one.name for one in await accounts.find(hub.db, "1", None)] == ["grace"]
    assert len(opened) == 4


@pytest.mark.parametrize(("sid", "expected"), [("s1", "s1"), (7, None), (["s1"], None)])
def test_session_of_an_id_token(sid, expected):
    token = Provider().signer.sign(make_claims(iss=ISSUER, sid=sid))
    assert read_session(token) == expected


def test_no_session():
    assert read_session(None) is None
    assert read_session(Provider().make_id_token()) is None

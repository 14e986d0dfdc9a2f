"""The provider tells of a logout: the hub's sessions end, and nothing else that the user has."""

import time

import pytest
from jupyterhub import orm
from tornado.httpclient import HTTPClientError

from jhub_gateway.clients.id_tokens import LOGOUT_EVENT
from tests.unit.credential_helpers import (
    CLIENT_ID,
    ENDED,
    ISSUER,
    Hub,
    MemoryStore,
    Provider,
    make_login,
    make_state,
    use_key,
    wait_until,
)
from tests.unit.login_pages import serve_pages
from tests.unit.provider_keys import Signer
from tests.unit.test_keeper import Server

OTHERS = Signer(number=1)


class Desk:
    """Ada and Grace, who are logged in at one hub."""

    def __init__(self, hub, pages, login, provider):
        self.hub, self.pages, self.login, self.provider = hub, pages, login, provider
        self.browsers = {}

    async def log_in(self, name, **state):
        user = self.pages.users[self.hub.find_user(name).orm_user]
        await user.save_auth_state(make_state(**state))
        browser = self.browsers[name] = self.pages.open()
        await browser.post("/hub/who", name=name)
        assert await browser.find_user() == name
        return user

    async def send(self, signer=None, **claims):
        return await self.pages.open().post(
            "/hub/back_channel_logout", logout_token=self.make_token(signer, **claims)
        )

    def make_token(self, signer=None, **claims):
        whole = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "iat": int(time.time()),
            "exp": int(time.time()) + 120,
            "jti": "1",
            "events": {LOGOUT_EVENT: {}},
            "sub": "7",
            **claims,
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        return (signer or self.provider.signer).sign(whole, typ="logout+jwt")

    async def find_users(self):
        return [await self.browsers[name].find_user() for name in ("ada", "grace")]


@pytest.fixture
async def desk(tmp_path):
    use_key()
    hub, provider = Hub(f"sqlite:///{tmp_path}/hub.sqlite"), Provider()
    login = make_login(provider, oauth_callback_url="https://hub/hub/oauth_callback")
    hub.settings["authenticator"] = login
    async with serve_pages(hub, login) as pages:
        desk = Desk(hub, pages, login, provider)
        await desk.log_in("ada", subject="7", session="s1")
        await desk.log_in("grace", subject="8", session="s2")
        yield desk
    for kept in login.keeper._users.values():
        kept.drop()


async def test_a_subject_is_logged_out_of_the_hub(desk):
    answer = await desk.send()
    assert answer.code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert await desk.find_users() == ["", "grace"]


async def test_a_session_is_logged_out_of_the_hub(desk):
    assert (await desk.send(sub=None, sid="s2")).code == 200
    assert await desk.find_users() == ["ada", ""]


async def test_session_tokens_end_and_those_that_the_user_made_stay(desk):
    user = desk.pages.users[desk.hub.find_user().orm_user]
    desk.hub.db.add(orm.OAuthClient(identifier="jupyterhub"))
    own = user.new_api_token(note="the user's own")
    client = orm.OAuthClient(identifier="service-x")
    desk.hub.db.add(client)
    session = orm.APIToken(user=user.orm_user, session_id="s", oauth_client=client)
    desk.hub.db.add(session)
    desk.hub.db.commit()
    await desk.send()
    left = desk.hub.db.query(orm.APIToken).filter_by(user_id=user.id).all()
    assert [token.note for token in left] == ["the user's own"]
    assert orm.APIToken.find(desk.hub.db, own)


WRONG = [
    {"aud": "another-client"},
    {"iss": "https://evil.example"},
    {"events": {}},
    {"events": None},
    {"jti": None},
    {"sub": None},
    {"nonce": "n"},
    {"exp": 1_000_000_000},
]


@pytest.mark.parametrize("claims", WRONG, ids=str)
async def test_a_wrong_notice_ends_nothing(desk, claims):
    assert (await desk.send(**claims)).code == 400
    assert await desk.find_users() == ["ada", "grace"]


async def test_a_notice_that_the_provider_did_not_sign(desk):
    answer = await desk.send(OTHERS)
    assert (answer.code, answer.body) == (400, b'{"error": "invalid_request"}')
    assert await desk.find_users() == ["ada", "grace"]


@pytest.mark.parametrize("body", [{}, {"logout_token": ""}, {"logout_token": "a.b.c"}])
async def test_no_notice_at_all(desk, body):
    assert (await desk.pages.open().post("/hub/back_channel_logout", **body)).code == 400


async def test_a_provider_whose_keys_cannot_be_had(desk):
    desk.provider.answers["certs"] = HTTPClientError(503)
    assert (await desk.send()).code == 400
    assert await desk.find_users() == ["ada", "grace"]


async def test_a_notice_works_once(desk):
    token = desk.make_token()
    for _ in range(2):
        await desk.pages.open().post("/hub/back_channel_logout", logout_token=token)
        assert (await desk.find_users())[0] == ""
        await desk.log_in("ada")
        await desk.pages.open().post("/hub/back_channel_logout", logout_token=token)
        assert (await desk.find_users())[0] == "ada"
        token = desk.make_token(jti="2")


async def test_an_unknown_subject_is_no_error(desk):
    assert (await desk.send(sub="9")).code == 200
    assert (await desk.send(sub=None, sid="s9", jti="2")).code == 200
    assert await desk.find_users() == ["ada", "grace"]


async def test_an_account_that_no_key_opens_hides_no_other(desk):
    broken = desk.hub.find_user("broken").orm_user
    broken.encrypted_auth_state = b"garbage"
    desk.hub.db.commit()
    await desk.send(sub="8")
    assert await desk.find_users() == ["ada", ""]


async def test_the_servers_of_the_user_are_told(desk):
    user = desk.pages.users[desk.hub.find_user().orm_user]
    store = MemoryStore()
    server = Server(lambda: store)
    dict.__setitem__(user.spawners, "", server)
    desk.login.keeper.watch(user, server)
    await wait_until(lambda: store.files and "access_token" in store.files)
    desk.provider.trouble = ENDED
    await desk.send()
    await wait_until(lambda: set(store.files) == {"credentials.json"})


@pytest.mark.parametrize("wanted", [True, False])
async def test_servers_stop_if_the_operator_wants_it(desk, monkeypatch, wanted):
    stopped = []

    async def stop_servers(user):
        stopped.append(user.name)

    monkeypatch.setattr("jhub_gateway.login.sessions.stop_servers", stop_servers)
    desk.login.stop_removed_users = wanted
    await desk.send()
    await desk.send(sub="8", jti="2")
    assert stopped == (["ada", "grace"] if wanted else [])


async def test_no_server_stops_at_the_users_own_logout(desk, monkeypatch):
    stopped = []

    async def stop_servers(user):
        stopped.append(user.name)

    monkeypatch.setattr("jhub_gateway.login.sessions.stop_servers", stop_servers)
    desk.login.stop_removed_users = True
    desk.login.own_logouts.add("ada")
    await desk.send()
    assert (await desk.find_users())[0] == ""
    assert stopped == []
    desk.login.own_logouts.forget("ada")
    await desk.send(jti="2")
    assert stopped == ["ada"]

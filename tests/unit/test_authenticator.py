"""Who is let in, what a login leaves behind, and what stops the hub at its start."""

import asyncio
import json
import logging
from base64 import urlsafe_b64encode
from io import BytesIO
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jupyterhub.app import JupyterHub
from jupyterhub.crypto import CryptKeeper
from tornado import web
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPServerRequest, RequestStartLine
from tornado.web import Application
from traitlets.config import Config

from jhub_gateway.authenticator import GatewayAuthenticator
from jhub_gateway.clients.oidc import ProviderUnavailable, WrongDiscovery
from jhub_gateway.errors import ConfigurationError, LoginRefused
from jhub_gateway.login.handlers import (
    LOGIN_UNFINISHED,
    GatewayCallbackHandler,
    shown_to_the_user,
)
from jhub_gateway.login.nonces import make_nonce

ISSUER = "https://login.gateway.org/realms/science"
CLIENT_ID, CLIENT_SECRET = "jupyterhub", "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_JWK = {
    **jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True),
    "kid": "1",
    "use": "sig",
    "alg": "RS256",
}
SOUND = {"issuer": ISSUER, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/auth",
    "token_endpoint": ISSUER + "/token",
    "userinfo_endpoint": ISSUER + "/userinfo",
    "jwks_uri": ISSUER + "/certs",
    "end_session_endpoint": ISSUER + "/logout",
}
ADA = {
    "sub": "f0e1",
    "preferred_username": "Ada",
    "name": "Ada Lovelace",
    "groups": ["/gateway/users"],
}


class Provider:
    """Answers the authenticator's requests; the network alone is left out."""

    def __init__(self, **answers):
        self.answers = {"openid-configuration": DOCUMENT, "userinfo": ADA, **answers}
        self.answers.setdefault("token", {"access_token": "at", "token_type": "Bearer"})
        self.answers.setdefault("certs", {"keys": [PUBLIC_JWK]})
        self.requests = []

    async def fetch(self, request: HTTPRequest, **_):
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self.answers[urlsplit(request.url).path.rsplit("/", 1)[1]]
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return HTTPResponse(request, 200, buffer=BytesIO(body))


def make_authenticator(provider=None, **settings) -> GatewayAuthenticator:
    authenticator = GatewayAuthenticator(**{**SOUND, **settings})
    authenticator.http_client = provider or Provider()
    return authenticator


class Handler:
    """The part of a callback's handler that a login needs."""

    log = logging.getLogger("handler")
    request = SimpleNamespace(protocol="https", host="hub.gateway.org")
    hub = SimpleNamespace(server=SimpleNamespace(base_url="/hub/"))

    def get_argument(self, _name):
        return "code"

    def find_user(self, _name):
        return None

    def get_state_cookie(self):
        return "eyJjb2RlX3ZlcmlmaWVyIjogInYifQ=="  # {"code_verifier": "v"}


async def log_in(authenticator):
    """Return the auth model, or None for a user who may not use the hub."""
    return await authenticator.get_authenticated_user(Handler(), None)


def make_id_token(**claims):
    sound = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "exp": 4_000_000_000,
        "iat": 1_700_000_000,
        "sub": ADA["sub"],
        "nonce": make_nonce(Handler().get_state_cookie()),
    }
    token = jwt.encode(sound | claims, KEY, "RS256", {"kid": PUBLIC_JWK["kid"]})
    return {"access_token": "at", "token_type": "Bearer", "id_token": token}


# Who is let in

ALLOWED = [
    {"allow_all": True},
    {"allowed_users": {"Ada"}},
    {"allowed_groups": {"/gateway/users"}},
    {"admin_users": {"Ada"}},
    {"admin_groups": {"/gateway/users"}},
]
DENIED = [
    {},
    {"allowed_users": {"ada"}},
    {"allowed_users": {"grace"}},
    {"allowed_groups": {"/gateway"}},
    {"allowed_groups": {"gateway/users"}},
    {"allowed_groups": {"users"}},
    {"allowed_groups": {"/Gateway/users"}},
    {"admin_groups": {"/gateway/admins"}},
    {"allow_all": True, "blocked_users": {"Ada"}},
]


@pytest.mark.parametrize("settings", ALLOWED, ids=str)
async def test_allowed(settings):
    model = await log_in(make_authenticator(**settings))
    assert model["name"] == "Ada"
    assert model["groups"] == ["/gateway/users"]
    assert bool(model["admin"]) == any(name.startswith("admin") for name in settings)


@pytest.mark.parametrize("settings", DENIED, ids=str)
async def test_denied(settings):
    assert await log_in(make_authenticator(**settings)) is None


@pytest.mark.parametrize("groups", ["/gateway/users", {"/gateway/users": 1}, [7], [["a"]], 7, True])
async def test_groups_of_a_wrong_type_let_nobody_in(groups):
    provider = Provider(userinfo={**ADA, "groups": groups})
    with pytest.raises(LoginRefused, match="groups"):
        await log_in(make_authenticator(provider, allow_all=True))


async def test_user_without_groups():
    provider = Provider(userinfo={**ADA, "groups": None})
    model = await log_in(make_authenticator(provider, allow_all=True))
    assert model["groups"] == []
    assert await log_in(make_authenticator(provider, allowed_groups={"/gateway/users"})) is None


async def test_administrator_who_left_the_group_is_none_any_more():
    settings = {"allow_all": True, "admin_groups": {"/gateway/admins"}}
    model = await log_in(make_authenticator(**settings))
    assert model["admin"] is False


async def test_nested_groups_claim():
    provider = Provider(userinfo={**ADA, "realm_access": {"roles": ["staff"]}})
    settings = {"groups_claim": "realm_access.roles", "allowed_groups": {"staff"}}
    assert (await log_in(make_authenticator(provider, **settings)))["groups"] == ["staff"]


@pytest.mark.parametrize("name", ["a/b", "..", "ada ", "a\nb", "", None, 7, "a" * 256])
async def test_hostile_user_name(name):
    provider = Provider(userinfo={**ADA, "preferred_username": name})
    with pytest.raises(LoginRefused, match="preferred_username"):
        await log_in(make_authenticator(provider, allow_all=True))


async def test_user_name_by_a_function():
    settings = {"allow_all": True, "username_claim": lambda claims: claims["sub"].upper()}
    assert (await log_in(make_authenticator(**settings)))["name"] == "F0E1"


def test_users_who_differ_in_case_are_kept_apart():
    authenticator = make_authenticator()
    names = {authenticator.normalize_username(name) for name in ("Ada", "ada", "ADA")}
    assert names == {"Ada", "ada", "ADA"}
    assert all(map(authenticator.validate_username, names))


def test_names_with_capitals_have_no_domain_of_their_own():
    authenticator = make_authenticator()
    authenticator.parent = JupyterHub(subdomain_host="https://hub.gateway.org")
    assert authenticator.validate_username("ada")
    assert not authenticator.validate_username("Ada")


MYSQL = ["mysql+pymysql://hub@db/hub", "mysql://hub@db/hub", "mariadb+mariadbconnector://hub@db/h"]


@pytest.mark.parametrize("url", MYSQL)
def test_names_that_mysql_does_not_tell_apart(url):
    authenticator = make_authenticator(username_map={"Grace": "grace"})
    authenticator.parent = JupyterHub(db_url=url)
    assert authenticator.validate_username("ada.b-2@example.org")
    assert not any(map(authenticator.validate_username, ["Ada", "ADA", "adá", "\uff41da"]))
    assert authenticator.validate_username(authenticator.normalize_username("Grace"))


async def test_login_of_a_name_that_mysql_does_not_tell_apart():
    authenticator = make_authenticator(allow_all=True)
    authenticator.parent = JupyterHub(db_url=MYSQL[0])
    assert await log_in(authenticator) is None


@pytest.mark.parametrize("url", ["sqlite:///jupyterhub.sqlite", "postgresql://hub@mysql/hub"])
def test_other_databases_tell_all_names_apart(url):
    authenticator = make_authenticator()
    authenticator.parent = JupyterHub(db_url=url)
    assert all(map(authenticator.validate_username, ["Ada", "ada", "adá"]))


def test_username_map():
    authenticator = make_authenticator(username_map={"Ada": "lovelace"})
    assert authenticator.normalize_username("Ada") == "lovelace"
    assert authenticator.normalize_username("ada") == "ada"


@pytest.mark.parametrize("name", ["a/b", "..", "%2e%2e", "a\nb", "", " a"])
def test_names_that_an_administrator_cannot_add_either(name):
    assert not make_authenticator().validate_username(name)


# What a login leaves behind


async def test_auth_state():
    state = (await log_in(make_authenticator(allow_all=True)))["auth_state"]
    assert state["issuer"] == ISSUER
    assert state["subject"] == state["oauth_user"]["sub"] == ADA["sub"]
    assert state["display_name"] == "Ada Lovelace"
    assert state["access_token"] == "at"


@pytest.mark.parametrize("sub", [None, "", 0, ["f0e1"]])
async def test_userinfo_without_a_subject(sub):
    provider = Provider(userinfo={**ADA, "sub": sub})
    with pytest.raises(LoginRefused, match="sub"):
        await log_in(make_authenticator(provider, allow_all=True))


async def test_userinfo_that_is_no_mapping():
    with pytest.raises(LoginRefused):
        await log_in(make_authenticator(Provider(userinfo=["Ada"]), allow_all=True))


async def test_id_token_of_the_same_user():
    model = await log_in(make_authenticator(Provider(token=make_id_token()), allow_all=True))
    assert model["name"] == "Ada"


WRONG_CLAIMS = [
    {"aud": "another-client"},
    {"iss": "https://evil.example"},
    {"exp": 1_000_000_000},
    {"sub": None},
]


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=str)
@pytest.mark.parametrize("alone", [True, False])
async def test_id_token_that_is_not_for_this_login(claims, alone):
    provider = Provider(token=make_id_token(**claims))
    authenticator = make_authenticator(provider, allow_all=True, userdata_from_id_token=alone)
    with pytest.raises(LoginRefused):
        await log_in(authenticator)


async def test_id_token_of_another_user_than_userinfo():
    provider = Provider(token=make_id_token(sub="other"))
    with pytest.raises(LoginRefused, match="two different users"):
        await log_in(make_authenticator(provider, allow_all=True))


async def test_user_from_the_id_token_alone():
    provider = Provider(token=make_id_token(preferred_username="grace"), userinfo=None)
    authenticator = make_authenticator(provider, allow_all=True, userdata_from_id_token=True)
    assert (await log_in(authenticator))["name"] == "grace"
    assert not any("userinfo" in request.url for request in provider.requests)


async def test_login_needs_its_code_verifier():
    provider = Provider()
    await log_in(make_authenticator(provider, allow_all=True))
    token_request = next(r for r in provider.requests if r.url.endswith("/token"))
    assert b"code_verifier=v" in token_request.body


# A provider in trouble


@pytest.mark.parametrize("endpoint", ["openid-configuration", "token", "userinfo"])
@pytest.mark.parametrize(
    "trouble", [HTTPClientError(503), HTTPClientError(599), ConnectionRefusedError(), b"<html>"]
)
async def test_provider_that_is_down(endpoint, trouble):
    provider = Provider(**{endpoint: trouble})
    with pytest.raises(ProviderUnavailable):
        await log_in(make_authenticator(provider, allow_all=True))


async def test_endpoints_that_the_operator_set_stay():
    authenticator = make_authenticator(token_url="https://inside.gateway.org/token")
    await authenticator.discover()
    assert authenticator.token_url == "https://inside.gateway.org/token"
    assert authenticator.authorize_url == DOCUMENT["authorization_endpoint"]
    assert authenticator.userdata_url == DOCUMENT["userinfo_endpoint"]


async def test_wrong_issuer_sets_nothing():
    provider = Provider(**{"openid-configuration": {**DOCUMENT, "issuer": ISSUER + "/"}})
    authenticator = make_authenticator(provider)
    with pytest.raises(WrongDiscovery, match="slash"):
        await authenticator.discover()
    assert authenticator.authorize_url == ""


PAGES = [
    (LoginRefused("Your name is too long."), 403, "Your name is too long."),
    (ProviderUnavailable("https://secret-host failed"), 503, "few minutes"),
    (WrongDiscovery("https://secret-host is wrong"), 503, "few minutes"),
    (ConfigurationError("http://secret-host"), 500, "operators"),
    (HTTPClientError(400, "secret-host"), 400, "Start again"),
]


@pytest.mark.parametrize(("error", "status", "words"), PAGES, ids=lambda value: str(value)[:20])
def test_page_has_one_sentence_and_the_log_the_cause(error, status, words, caplog):
    with pytest.raises(web.HTTPError) as page, shown_to_the_user(Handler()):
        raise error
    assert page.value.status_code == status
    assert words in page.value.jupyterhub_message
    assert "secret-host" not in page.value.jupyterhub_message
    assert str(error) in caplog.text


SPOOF = "Your account is locked.\r\nCall +30 555 0100" + "!" * 5000


def make_state(state_id) -> str:
    return urlsafe_b64encode(json.dumps({"state_id": state_id}).encode()).decode()


OWN_STATE = make_state("0" * 32)
CALLBACKS = [
    ({"error": "access_denied", "error_description": SPOOF}, "", "Your account is locked."),
    ({"error": SPOOF}, "", "Your account is locked."),
    ({}, "", "without a code"),
    ({"code": "sesame"}, OWN_STATE, "Missing argument state"),
    ({"code": "sesame", "state": OWN_STATE}, "", "missing from cookies"),
    ({"code": "sesame", "state": OWN_STATE}, make_state("1" * 32), "state mismatch"),
    ({"code": "sesame", "state": make_state(SPOOF)}, OWN_STATE, "none of this hub's"),
    ({"code": "sesame", "state": make_state([SPOOF])}, OWN_STATE, "none of this hub's"),
    ({"code": "sesame", "state": "W10="}, OWN_STATE, "none of this hub's"),
    ({"code": "sesame", "state": "W1tb" * 1000}, OWN_STATE, "none of this hub's"),
    ({"code": "sesame", "state": "\N{SNOWMAN}x"}, OWN_STATE, "none of this hub's"),
]


@pytest.mark.parametrize(("query", "cookie", "cause"), CALLBACKS)
async def test_callback_of_no_login_shows_nothing_of_its_url(query, cookie, cause, caplog):
    app = Application(log=logging.getLogger("app"), hub=SimpleNamespace(base_url="/hub/"))
    line = RequestStartLine("GET", f"/hub/oauth_callback?{urlencode(query)}", "HTTP/1.0")
    handler = GatewayCallbackHandler(app, HTTPServerRequest(start_line=line, connection=Mock()))
    handler._state_cookie = cookie
    with pytest.raises(web.HTTPError) as page:
        await handler.get()
    assert (page.value.status_code, page.value.jupyterhub_message) == (400, LOGIN_UNFINISHED)
    assert page.value.log_message == LOGIN_UNFINISHED
    assert cause in caplog.text
    assert "sesame" not in caplog.text
    messages = [record.getMessage() for record in caplog.records]
    assert all("\n" not in message and len(message) < 400 for message in messages)


NO_ACCESS_TOKENS = [
    ({"error": "x", "error_description": "Code is\nold"}, "Code is\\nold"),
    ({"refresh_token": "sesame"}, "no reason is given"),
]


@pytest.mark.parametrize(("answer", "cause"), NO_ACCESS_TOKENS)
async def test_answer_without_an_access_token_is_on_no_page(answer, cause, caplog):
    authenticator = make_authenticator(Provider(token=answer), allow_all=True)
    with pytest.raises(web.HTTPError) as page, shown_to_the_user(Handler()):
        await log_in(authenticator)
    assert page.value.jupyterhub_message == LOGIN_UNFINISHED
    assert "gave no access token" in caplog.text
    assert cause in caplog.text
    assert "sesame" not in caplog.text


def test_callback_over_http_is_refused():
    handler = Handler()
    assert make_authenticator().get_callback_url(handler).startswith("https://hub.gateway.org/")
    handler.request = SimpleNamespace(protocol="http", host="hub.gateway.org")
    with pytest.raises(ConfigurationError, match="http"):
        make_authenticator().get_callback_url(handler)
    permitted = make_authenticator(insecure_http_hosts={"hub.gateway.org"})
    assert permitted.get_callback_url(handler).startswith("http://hub.gateway.org/")


# At the hub's start


def make_app(**settings):
    sound = {"cookie_secret": bytes(range(32)), "config": Config()}
    return SimpleNamespace(**sound | settings)


@pytest.fixture(autouse=True)
def crypt_keeper():
    CryptKeeper.clear_instance()
    yield CryptKeeper.instance(keys=[bytes(range(32))])
    CryptKeeper.clear_instance()


def test_defaults():
    authenticator = make_authenticator()
    assert authenticator.scope == ["openid", "profile", "email"]
    assert authenticator.enable_pkce
    assert authenticator.enable_auth_state
    assert authenticator.manage_groups
    assert not authenticator.allow_all
    assert authenticator.auth_refresh_age == 0
    assert not authenticator.refresh_pre_spawn


@pytest.mark.parametrize("settings", ALLOWED, ids=str)
def test_sound_settings(settings):
    make_authenticator(**settings).check_at_start(make_app())


WRONG_SETTINGS = [
    ({"allow_all": False}, "nobody may log in"),
    ({"issuer": ""}, "issuer is missing"),
    ({"issuer": "http://login.gateway.org"}, "GatewayAuthenticator.issuer"),
    ({"client_id": ""}, "client_id is missing"),
    ({"client_id": "your-client-id"}, "client_id"),
    ({"client_secret": ""}, "client_secret is missing"),
    ({"client_secret": "changeme"}, "client_secret"),
    ({"oauth_callback_url": "http://hub.gateway.org/hub/oauth_callback"}, "oauth_callback_url"),
    ({"token_url": "http://login.gateway.org/token"}, "token_url"),
    ({"scope": ["email"]}, "openid"),
    ({"auth_state_groups_key": "oauth_user.groups"}, "groups_claim"),
    ({"allow_all": False, "insecure_http_hosts": {"hub"}}, "nobody may log in"),
]


@pytest.mark.parametrize(("settings", "words"), WRONG_SETTINGS, ids=str)
def test_settings_that_stop_the_hub(settings, words):
    authenticator = make_authenticator(**{"allow_all": True, **settings})
    with pytest.raises(ConfigurationError, match=words) as error:
        authenticator.check_at_start(make_app())
    assert CLIENT_SECRET not in str(error.value)


def test_log_tells_who_can_not_log_in_with_mysql(caplog):
    app = make_app(db_url=MYSQL[0], log=logging.getLogger("app"))
    make_authenticator(allow_all=True).check_at_start(app)
    assert "capitals" in caplog.text
    assert "hub@db" not in caplog.text


def test_http_hosts_that_are_permitted_by_name():
    authenticator = make_authenticator(
        allow_all=True,
        issuer="http://login.test.internal",
        oauth_callback_url="http://hub.test.internal/hub/oauth_callback",
        insecure_http_hosts={"login.test.internal", "hub.test.internal"},
    )
    authenticator.check_at_start(make_app())


@pytest.mark.parametrize("secret", [b"", b"short", b"\0" * 32, b"changemechangemechangemechangeme"])
def test_weak_cookie_secret_stops_the_hub(secret):
    with pytest.raises(ConfigurationError, match=r"JupyterHub\.cookie_secret"):
        make_authenticator(allow_all=True).check_at_start(make_app(cookie_secret=secret))


def test_weak_crypt_key_stops_the_hub(crypt_keeper):
    crypt_keeper.keys = [bytes(range(32)), b"changemechangemechangemechangeme"]
    with pytest.raises(ConfigurationError, match="key 2 of JUPYTERHUB_CRYPT_KEY"):
        make_authenticator(allow_all=True).check_at_start(make_app())


def test_misspelt_setting_stops_the_hub():
    config = Config({"GatewayAuthenticator": {"alowed_groups": {"staff"}}})
    with pytest.raises(ConfigurationError, match="alowed_groups"):
        make_authenticator(allow_all=True).check_at_start(make_app(config=config))


def test_stop_is_one_line(caplog):
    """No traceback: the operator reads one sentence, and the process ends with 1."""
    app = make_app(
        log=logging.getLogger("app"), exit=lambda status: (_ for _ in ()).throw(SystemExit(status))
    )
    with pytest.raises(SystemExit) as end:
        make_authenticator().get_handlers(app)
    assert end.value.code == 1
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "\n" not in caplog.records[0].getMessage()

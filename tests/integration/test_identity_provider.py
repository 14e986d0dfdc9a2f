"""What the tests' provider can be told to do: each control does it, by the protocol's own words."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
import requests

from tests.fixtures.fault_proxy import KEYS, TOKEN
from tests.fixtures.gateway_client import (
    exchange,
    fetch_key_ids,
    introspect,
    log_in,
    refresh,
    request_token,
)
from tests.fixtures.identity_provider import IdentityProvider, IdentityProviderError
from tests.fixtures.thread_server import QuietHandler, ThreadServer

SERVICE = "https://data.gateway.example"
BACK_CHANNEL = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def provider(make_identity_provider) -> IdentityProvider:
    """One for all tests here; each has a user to itself, or restores what it changes."""
    return make_identity_provider(exchange_audiences=[SERVICE])


@pytest.fixture
def tokens(provider) -> dict:
    """Ada's, as of a new login."""
    return log_in(provider, provider.accounts["ada"])


def read_claims(provider: IdentityProvider, id_token: str) -> dict:
    """The claims, if a key of the provider's key set has signed them."""
    key = jwt.PyJWKClient(f"{provider.issuer}/jwks").get_signing_key_from_jwt(id_token)
    return jwt.decode(id_token, key, ["RS256"], audience=provider.client_id, leeway=1000)


def get_error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_restart_keeps_logins_and_keys_and_changes(make_identity_provider):
    provider = make_identity_provider(lifetimes={"access_token": 100})
    browser = requests.Session()
    tokens = log_in(provider, provider.accounts["ada"], browser=browser)
    provider.set_lifetimes(access_token=50)
    provider.set_groups("ada", ["/a"])
    keys = fetch_key_ids(provider)
    provider.restart()
    assert fetch_key_ids(provider) == keys
    assert introspect(provider, tokens["access_token"])["active"]
    renewed = refresh(provider, tokens["refresh_token"]).json()
    assert renewed["expires_in"] == 50
    assert read_claims(provider, renewed["id_token"])["groups"] == ["/a"]
    # The browser's session too: nobody is asked for a password.
    wrong = provider.accounts["grace"]
    assert "access_token" in log_in(provider, wrong, browser=browser)
    assert provider.count_requests(method="POST", path="/interaction/…") == 0


def test_state_is_for_its_owner_alone(provider):
    state = Path(provider.settings["state_file"])
    assert state.stat().st_mode & 0o777 == 0o600


def test_pause(provider):
    provider.pause()
    with pytest.raises(requests.ReadTimeout):
        introspect(provider, "x", seconds=0.2)
    provider.resume()
    assert introspect(provider, "x") == {"active": False}


def test_rotation_of_keys(provider, tokens):
    (old,) = fetch_key_ids(provider)
    provider.rotate_keys()
    new, kept = fetch_key_ids(provider)
    assert kept == old != new
    read_claims(provider, tokens["id_token"])
    renewed = refresh(provider, tokens["refresh_token"]).json()
    assert jwt.get_unverified_header(renewed["id_token"])["kid"] == new
    provider.rotate_keys(drop_old=True)
    with pytest.raises(jwt.PyJWKClientError):
        read_claims(provider, renewed["id_token"])


def test_clock(make_identity_provider):
    provider = make_identity_provider(clock_offset=-90)
    tokens = log_in(provider, provider.accounts["ada"])
    issued = read_claims(provider, tokens["id_token"])["iat"]
    assert -92 <= issued - time.time() <= -89
    provider.set_clock_offset(90)
    renewed = refresh(provider, tokens["refresh_token"]).json()
    issued = read_claims(provider, renewed["id_token"])["iat"]
    assert 88 <= issued - time.time() <= 91


class _Hub(QuietHandler):
    tokens: list[str]
    status = 200

    def do_POST(self) -> None:
        self.tokens.append(parse_qs(self.read_body().decode())["logout_token"][0])
        self.send_response(type(self).status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hub_handler(provider) -> Iterator[type[_Hub]]:
    """A hub that takes logout tokens, at an address of which the provider was told."""
    handler = type("Hub", (_Hub,), {"tokens": []})
    server = ThreadServer(handler, "127.0.0.1")
    provider.set_client(
        backchannel_logout_uri=f"{server.url}/hub/back_channel_logout",
        backchannel_logout_session_required=True,
    )
    yield handler
    server.stop()


def test_back_channel_logout(provider, hub_handler):
    tokens = log_in(provider, provider.accounts["grace"])
    login = read_claims(provider, tokens["id_token"])
    exchanged = exchange(provider, tokens["access_token"], audience=SERVICE).json()
    (told,) = provider.log_out("grace")
    assert told == {"client_id": provider.client_id, "sid": login["sid"], "error": None}
    (token,) = hub_handler.tokens
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    claims = read_claims(provider, token)
    assert claims["events"] == {BACK_CHANNEL: {}}
    assert (claims["sub"], claims["sid"]) == (login["sub"], login["sid"])
    assert "nonce" not in claims
    for ended in (tokens["access_token"], exchanged["access_token"]):
        assert introspect(provider, ended) == {"active": False}
    assert get_error(refresh(provider, tokens["refresh_token"])) == (400, "invalid_grant")
    assert provider.log_out("grace") == []


def test_back_channel_logout_that_fails_is_told(provider, hub_handler):
    hub_handler.status = 500
    log_in(provider, provider.accounts["grace"])
    (told,) = provider.log_out("grace")
    assert "500" in told["error"]


def test_refused_metadata_changes_nothing(provider, tokens):
    with pytest.raises(IdentityProviderError, match="redirect_uris"):
        provider.set_client(redirect_uris=["no address"])
    provider.set_client(client_name="Hub")
    assert refresh(provider, tokens["refresh_token"]).ok


def test_exchange(provider, tokens):
    answer = exchange(provider, tokens["access_token"], audience=SERVICE, scope="openid groups")
    exchanged = answer.json()
    assert exchanged["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert exchanged["token_type"] == "Bearer"
    told = introspect(provider, exchanged["access_token"])
    assert (told["aud"], told["scope"]) == (SERVICE, "openid groups")
    assert told["sub"] == introspect(provider, tokens["access_token"])["sub"]
    # It is for the service: the provider itself does not take it.
    headers = {"Authorization": f"Bearer {exchanged['access_token']}"}
    assert requests.get(f"{provider.issuer}/me", headers=headers, timeout=5).status_code == 401
    assert exchange(provider, tokens["access_token"], resource=SERVICE).ok


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
        ({"audience": SERVICE, "resource": "https://elsewhere.example"}, "invalid_target"),
        ({}, "invalid_target"),
        ({"audience": SERVICE, "scope": "offline_access"}, "invalid_scope"),
        ({"audience": SERVICE, "subject_token": "no-token"}, "invalid_request"),
        ({"audience": SERVICE, "subject_token_type": "urn:x"}, "invalid_request"),
        ({"audience": SERVICE, "requested_token_type": "urn:x"}, "invalid_request"),
        ({"audience": SERVICE, "actor_token": "x"}, "invalid_request"),
    ],
)
def test_exchange_that_is_refused(provider, tokens, form, error):
    assert get_error(exchange(provider, tokens["access_token"], **form)) == (400, error)


def test_exchange_of_an_ended_token(make_identity_provider):
    lifetimes = {"access_token": 3, "exchanged_token": 60}
    provider = make_identity_provider(exchange_audiences=[SERVICE], lifetimes=lifetimes)
    tokens = log_in(provider, provider.accounts["ada"])
    exchanged = exchange(provider, tokens["access_token"], audience=SERVICE).json()
    assert (tokens["expires_in"], exchanged["expires_in"]) == (3, 60)
    time.sleep(3)
    answer = exchange(provider, tokens["access_token"], audience=SERVICE)
    assert get_error(answer) == (400, "invalid_request")


def test_revoking_an_exchanged_token_ends_that_alone(provider, tokens):
    exchanged = exchange(provider, tokens["access_token"], audience=SERVICE).json()
    client = (provider.client_id, provider.client_secret)
    form = {"token": exchanged["access_token"]}
    requests.post(f"{provider.issuer}/token/revocation", form, auth=client, timeout=5)
    assert introspect(provider, exchanged["access_token"]) == {"active": False}
    assert introspect(provider, tokens["access_token"])["active"]
    assert refresh(provider, tokens["refresh_token"]).ok


def test_exchange_unless_configured(make_identity_provider):
    answer = exchange(make_identity_provider(), "x", audience=SERVICE)
    assert get_error(answer) == (400, "unsupported_grant_type")


def test_only_named_clients_introspect(provider, tokens):
    client = (provider.client_id, provider.client_secret)
    form = {"token": tokens["access_token"]}
    answer = requests.post(f"{provider.issuer}/token/introspection", form, auth=client, timeout=5)
    assert answer.json() == {"active": False}


def test_disabled_account(provider):
    tokens = log_in(provider, provider.accounts["hypatia"])
    provider.set_disabled("hypatia")
    assert introspect(provider, tokens["access_token"]) == {"active": False}
    assert get_error(refresh(provider, tokens["refresh_token"])) == (400, "invalid_grant")
    answer = exchange(provider, tokens["access_token"], audience=SERVICE)
    assert get_error(answer) == (400, "invalid_grant")
    provider.set_disabled("hypatia", False)
    assert introspect(provider, tokens["access_token"])["active"]
    assert refresh(provider, tokens["refresh_token"]).ok


def test_refresh_token_works_once(provider, tokens):
    renewed = refresh(provider, tokens["refresh_token"]).json()
    assert get_error(refresh(provider, tokens["refresh_token"])) == (400, "invalid_grant")
    # Somebody has it who should not, so what came of it is over too.
    assert get_error(refresh(provider, renewed["refresh_token"])) == (400, "invalid_grant")


def test_refresh_token_that_does_not_rotate(make_identity_provider):
    provider = make_identity_provider(rotate_refresh_tokens=False)
    tokens = log_in(provider, provider.accounts["ada"])
    for _ in range(2):
        renewed = refresh(provider, tokens["refresh_token"]).json()
        assert renewed["refresh_token"] == tokens["refresh_token"]


def test_offline_access_outlives_the_session(make_identity_provider):
    provider = make_identity_provider(refresh_tokens="offline_access")
    ada = provider.accounts["ada"]
    assert "refresh_token" not in log_in(provider, ada)
    tokens = log_in(provider, ada, scope="openid offline_access")
    provider.log_out("ada")
    assert refresh(provider, tokens["refresh_token"]).ok


def test_claims_of_any_kind(provider):
    grace = provider.accounts["grace"]
    provider.set_claims("grace", groups=[f"/g{number}" for number in range(10_000)], name=None)
    claims = read_claims(provider, log_in(provider, grace)["id_token"])
    assert len(claims["groups"]) == 10_000
    assert "name" not in claims
    provider.set_claims("grace", preferred_username="../x\n", groups={"a": 1})
    claims = read_claims(provider, log_in(provider, grace)["id_token"])
    assert (claims["preferred_username"], claims["groups"]) == ("../x\n", {"a": 1})
    provider.set_claims("grace")
    claims = read_claims(provider, log_in(provider, grace)["id_token"])
    assert (claims["preferred_username"], claims["name"]) == ("grace", "Grace Hopper")


def test_counts(provider, tokens):
    provider.clear_requests()
    assert provider.get_requests() == []
    renewed = refresh(provider, tokens["refresh_token"]).json()
    refresh(provider, renewed["refresh_token"])
    request_token(provider, grant_type="refresh_token", refresh_token="no-token")
    kind = {"method": "POST", "path": "/token", "grant_type": "refresh_token"}
    assert provider.count_requests(**kind, username="ada", status=200) == 2
    assert provider.count_requests(**kind) == 3
    assert provider.count_requests() == 3


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"test_controls": False, "clock_offset": 5}, "works with test_controls only"),
        ({"clock_offset": "5"}, "must be a number of seconds"),
        ({"introspection_clients": ["nobody"]}, 'names "nobody"'),
        ({"exchange_audiences": "x"}, "exchange_audiences must be a list"),
        ({"state_file": "/nowhere/state.json"}, "cannot be written"),
        ({"state_file": __file__}, "is not valid JSON"),
    ],
)
def test_configuration_that_is_refused(make_identity_provider, settings, sentence):
    with pytest.raises(IdentityProviderError, match=sentence):
        make_identity_provider(**settings)


def test_without_controls_there_are_none(make_identity_provider):
    provider = make_identity_provider(test_controls=False, state_file=None)
    for change in (provider.clear_requests, provider.rotate_keys, provider.get_requests):
        with pytest.raises(IdentityProviderError, match="/test/"):
            change()
    keys = fetch_key_ids(provider)
    tokens = log_in(provider, provider.accounts["ada"])
    provider.restart()
    assert fetch_key_ids(provider) != keys
    assert not introspect(provider, tokens["access_token"])["active"]


def test_behind_a_proxy(make_provider_behind_proxy):
    provider, proxy = make_provider_behind_proxy()
    assert provider.issuer == proxy.url != provider.address
    discovery = f"{proxy.url}/.well-known/openid-configuration"
    metadata = requests.get(discovery, timeout=5).json()
    assert metadata["issuer"] == proxy.url
    assert metadata["token_endpoint"] == proxy.url + TOKEN
    assert metadata["jwks_uri"] == proxy.url + KEYS
    tokens = log_in(provider, provider.accounts["ada"])
    assert read_claims(provider, tokens["id_token"])["iss"] == proxy.url
    # The answer is lost on the way: the token is used up, and the client has none.
    proxy.drop(TOKEN, after=True, times=1, grant_type="refresh_token")
    with pytest.raises(requests.ConnectionError):
        refresh(provider, tokens["refresh_token"])
    assert get_error(refresh(provider, tokens["refresh_token"])) == (400, "invalid_grant")
    provider.stop()
    assert refresh(provider, "x").status_code == 502
    provider.start()
    assert fetch_key_ids(provider)

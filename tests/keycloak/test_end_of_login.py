"""How a login ends at Keycloak, and what the hub can know of it."""

from queue import Empty

import jwt
import pytest

from tests.keycloak.relying_party import AFTER_LOGOUT, SCOPE, Browser, make_challenge

EVENT = "http://schemas.openid.net/event/backchannel-logout"
SECONDS = 10


def test_a_logout_at_the_hub_ends_the_session_at_the_provider(party):
    login = party.login("ada")
    answer = party.log_out(login)
    assert (answer.status_code, answer.headers["Location"]) == (302, AFTER_LOGOUT)
    assert_ended(party, login, "Session not active")
    form = party.authorize(login.browser, SCOPE, make_challenge("any"))
    assert 'name="password"' in form.text


def test_a_disabled_user_is_refused_everywhere(realm, party):
    login = party.login("ada")
    assert party.introspect(login.access_token)["active"] is True
    realm.set_disabled("ada")
    assert party.introspect(login.access_token) == {"active": False}
    assert_ended(party, login, "User disabled")
    assert party.exchange(login.access_token, "wes").json() == {
        "error": "invalid_request",
        "error_description": "Invalid token",
    }
    form = party.sign_in(Browser(), "ada", SCOPE, make_challenge("any"))
    realm.set_disabled("ada", False)
    assert "Account is disabled" in form.text
    assert party.login("ada").access_token


def test_a_deleted_user_is_refused_and_nobody_is_told(realm, party, logout_tokens):
    login = party.login("hypatia")
    realm.delete_user("hypatia")
    assert_ended(party, login, "Session not active")
    with pytest.raises(Empty):
        logout_tokens.get(timeout=1)


def test_a_logout_by_an_administrator_sends_a_logout_token(realm, party, logout_tokens):
    login = party.login("grace")
    realm.end_session("grace")
    token = logout_tokens.get(timeout=SECONDS)
    claims = party.verify(token, realm.client_id)
    user = party.verify(login.id_token, realm.client_id)
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert claims["events"] == {EVENT: {}}
    assert (claims["sub"], claims["sid"]) == (user["sub"], user["sid"])
    assert claims.keys() >= {"iat", "exp", "jti"}
    assert "nonce" not in claims
    assert_ended(party, login, "Session not active")


def test_of_two_logins_that_an_administrator_ends_one_is_told(realm, party, logout_tokens):
    """A hub must not take the session that a logout token names for the only one that ended."""
    logins = [party.login("grace"), party.login("grace")]
    realm.end_session("grace")
    token = logout_tokens.get(timeout=SECONDS)
    sessions = {party.verify(login.id_token, realm.client_id)["sid"] for login in logins}
    assert party.verify(token, realm.client_id)["sid"] in sessions
    with pytest.raises(Empty):
        logout_tokens.get(timeout=1)
    for login in logins:
        assert_ended(party, login, "Session not active")


def assert_ended(party, login, reason):
    """Neither token of the login holds any more."""
    answer = party.refresh(login.refresh_token)
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": reason}
    answer = party.get_userinfo(login.access_token)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

"""A login at Keycloak: what the hub learns of the user, and what a refresh brings."""

from urllib.parse import parse_qs, urlsplit

import jwt

from tests.keycloak.relying_party import CALLBACK, SCOPE, Browser, make_challenge


def test_groups_are_full_paths_in_the_id_token_and_in_userinfo(realm, party):
    login, account = party.login("grace"), realm.accounts["grace"]
    for claims in (
        party.verify(login.id_token, realm.client_id),
        party.get_userinfo(login.access_token).json(),
    ):
        assert sorted(claims["groups"]) == sorted(account.groups)
        assert claims["preferred_username"] == account.username
        assert (claims["name"], claims["email"]) == (account.name, account.email)
        assert claims["email_verified"] is True


def test_for_a_user_in_no_group_there_is_no_claim_at_all(realm, party):
    login = party.login("mallory")
    assert "groups" not in party.verify(login.id_token, realm.client_id)
    assert "groups" not in party.get_userinfo(login.access_token).json()


def test_a_login_without_pkce_is_refused(party):
    answer = party.authorize(Browser(), SCOPE, challenge="")
    assert _read_error(answer) == "invalid_request"


def test_a_scope_that_the_realm_does_not_have_is_refused(party):
    answer = party.authorize(Browser(), f"{SCOPE} nonsense", make_challenge("any"))
    assert _read_error(answer) == "invalid_scope"


def test_a_refresh_brings_new_tokens_and_new_groups(realm, party):
    login = party.login("ada")
    realm.set_groups("ada", ["/gateway/users", "/gateway/visitors"])
    answer = party.refresh(login.refresh_token)
    realm.set_groups("ada", realm.accounts["ada"].groups)
    tokens = answer.json()
    assert tokens["access_token"] != login.access_token
    claims = party.verify(tokens["id_token"], realm.client_id)
    assert sorted(claims["groups"]) == ["/gateway/users", "/gateway/visitors"]


def test_a_refresh_token_that_is_used_twice_ends_the_login(party):
    login = party.login("ada")
    newer = party.refresh(login.refresh_token).json()["refresh_token"]
    assert _refused(party.refresh(login.refresh_token)) == (
        "Maximum allowed refresh token reuse exceeded"
    )
    # Whoever used it first is no better off: this is why a login is refreshed by one alone.
    assert _refused(party.refresh(newer)) == "Session doesn't have required client"


def test_lifetimes_hold_for_the_next_login(realm, party):
    realm.set_lifetimes(access_token=60, refresh_token=120)
    login = party.login("ada")
    realm.set_lifetimes(access_token=300, refresh_token=1800)
    assert _get_lifetime(login.access_token) == 60
    assert _get_lifetime(login.id_token) == 60
    assert _get_lifetime(login.refresh_token) == 120


def test_a_new_key_signs_and_the_old_one_is_still_published(realm, party):
    login, before = party.login("ada"), party.get_keys()
    realm.rotate_keys()
    after = party.get_keys()
    assert before.keys() < after.keys()
    newer = party.refresh(login.refresh_token).json()["id_token"]
    assert jwt.get_unverified_header(newer)["kid"] in after.keys() - before.keys()
    assert party.verify(newer, realm.client_id)["sub"]
    assert party.verify(login.id_token, realm.client_id)["sub"]


def test_an_old_key_can_be_dropped(realm, party):
    login, before = party.login("ada"), party.get_keys()
    realm.rotate_keys(drop_old=True)
    assert len(party.get_keys()) == 1
    assert not before.keys() & party.get_keys().keys()
    # The provider itself no longer knows what it signed. The login goes on.
    assert party.get_userinfo(login.access_token).status_code == 401
    assert party.refresh(login.refresh_token).ok


def test_a_login_outlives_a_restart(realm, party):
    login = party.login("ada")
    realm.restart()
    assert party.get_userinfo(login.access_token).ok
    assert party.refresh(login.refresh_token).ok


def _read_error(answer):
    """The error with which the browser is sent back to the hub."""
    address = answer.headers["Location"]
    assert address.startswith(CALLBACK)
    return parse_qs(urlsplit(address).query)["error"][0]


def _refused(answer):
    """Why a grant was refused for good."""
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    return answer.json()["error_description"]


def _get_lifetime(token):
    claims = jwt.decode(token, options={"verify_signature": False})
    return claims["exp"] - claims["iat"]

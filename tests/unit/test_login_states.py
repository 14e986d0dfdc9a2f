"""What is kept of a provider's token response, and of a login that has ended."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.policy.credential_volumes import make_credential_mount, make_credential_volume
from jhub_gateway.policy.login_states import end_login, make_login, read_lifetime, take_tokens
from jhub_gateway.policy.logout_urls import make_hub_url, make_logout_url

STATE = {
    "access_token": "old-access",
    "refresh_token": "old-refresh",
    "id_token": "old-id",
    "token_response": {"access_token": "old-access", "scope": "openid"},
    "issuer": "https://login.gateway.org",
    "subject": "7",
    "requested_at": 1000,
    "expires_at": 1300,
    "ended": None,
    "kept": {"arvados": {}},
}
ANSWER = {"access_token": "new-access", "expires_in": 60, "requested_at": 2000}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
)


def test_what_an_answer_leaves_out_stays():
    state = take_tokens(STATE, ANSWER)
    assert state["access_token"] == "new-access"
    assert state["refresh_token"] == "old-refresh"
    assert state["id_token"] == "old-id"
    assert state["token_response"] == {**ANSWER, "scope": "openid"}
    assert (state["requested_at"], state["expires_at"]) == (2000, 2060)
    assert state["kept"] == STATE["kept"]


def test_an_answer_with_everything():
    state = take_tokens(STATE, {**ANSWER, "refresh_token": "new-refresh", "id_token": "new-id"})
    assert state["refresh_token"] == "new-refresh"
    assert state["id_token"] == "new-id"


def test_a_new_login_is_not_ended():
    state = take_tokens(end_login(STATE, "it was"), ANSWER)
    assert not state["ended"]
    assert make_login("ada", state, frozenset()).access_token == "new-access"


@pytest.mark.parametrize("lifetime", [None, 0, -5, "soon", [], math.nan, math.inf, 10**400])
def test_no_lifetime(lifetime):
    assert take_tokens(STATE, {**ANSWER, "expires_in": lifetime})["expires_at"] is None


def test_lifetimes():
    assert read_lifetime({"expires_in": 60}) == read_lifetime({"expires_in": "60"}) == 60
    assert read_lifetime({}) is None


@given(anything)
def test_a_lifetime_is_a_positive_number_or_none(value):
    lifetime = read_lifetime({"expires_in": value})
    assert lifetime is None or 0 < lifetime < math.inf


def test_no_token_is_left_of_a_login_that_has_ended():
    state = end_login({**STATE, "token_response": {"refresh_token": "old-refresh"}}, "it was")
    assert "old-" not in str(state)
    assert state["ended"] == "it was"
    assert (state["subject"], state["kept"]) == ("7", STATE["kept"])
    assert make_login("ada", state, frozenset()) is None


@pytest.mark.parametrize("state", [None, {}, {"ended": "it was", "access_token": "x"}])
def test_no_login(state):
    assert make_login("ada", state, frozenset()) is None


def test_login():
    login = make_login("ada", STATE, frozenset({"staff"}))
    assert (login.username, login.subject, login.groups) == ("ada", "7", {"staff"})
    assert (login.access_token, login.id_token, login.expires_at) == ("old-access", "old-id", 1300)
    assert "old-" not in repr(login)


# Where a browser goes to log out


def test_logout_url():
    url = make_logout_url(
        "https://login.gateway.org/logout?ui=en", "jupyterhub", "a.b.c", "https://hub/hub/login?x=1"
    )
    assert url == (
        "https://login.gateway.org/logout?ui=en&id_token_hint=a.b.c&client_id=jupyterhub"
        "&post_logout_redirect_uri=https%3A%2F%2Fhub%2Fhub%2Flogin%3Fx%3D1"
    )


def test_logout_url_without_an_id_token():
    url = make_logout_url("https://login.gateway.org/logout", "jupyterhub", None, "https://hub/")
    assert "id_token_hint" not in url
    assert "client_id=jupyterhub" in url


def test_hub_url():
    assert make_hub_url("https://hub/base/hub/oauth_callback", "login") == (
        "https://hub/base/hub/login"
    )


# How a pod sees the files


def test_the_whole_directory_is_mounted_read_only():
    volume, mount = make_credential_volume("ada-credentials"), make_credential_mount()
    assert volume["secret"]["secretName"] == "ada-credentials"
    assert volume["name"] == mount["name"]
    assert mount["readOnly"]
    assert "subPath" not in mount
    assert volume["secret"]["defaultMode"] & 0o007 == 0

"""The login's token exchanged for another audience's (RFC 8693)."""

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def test_a_token_is_exchanged_for_an_audience(realm, party):
    login = party.login("grace")
    answer = party.exchange(login.access_token, "wes").json()
    assert answer["issued_token_type"] == ACCESS_TOKEN
    assert answer["token_type"] == "Bearer"
    assert "refresh_token" not in answer
    claims = party.verify(answer["access_token"], "wes")
    assert claims["sub"] == party.verify(login.id_token, realm.client_id)["sub"]
    assert claims["aud"] == "wes"
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 300


def test_an_audience_of_an_optional_scope_needs_the_scope(party):
    login = party.login("grace")
    assert _refused(party.exchange(login.access_token, "tes")) == (
        "invalid_request",
        "Requested audience not available: tes",
    )
    answer = party.exchange(login.access_token, "tes", scope="tes").json()
    assert party.verify(answer["access_token"], "tes")["aud"] == "tes"


def test_the_scope_of_an_exchange_becomes_the_scope_of_the_login(party):
    """Whoever asks for a scope has to ask for those of the login as well."""
    login = party.login("ada")
    party.exchange(login.access_token, "tes", scope="openid tes")
    tokens = party.refresh(login.refresh_token).json()
    assert "id_token" in tokens
    assert party.get_userinfo(tokens["access_token"]).ok

    party.exchange(tokens["access_token"], "tes", scope="tes")
    tokens = party.refresh(tokens["refresh_token"]).json()
    assert "openid" not in tokens["scope"].split()
    assert "id_token" not in tokens
    assert party.get_userinfo(tokens["access_token"]).status_code == 403


def test_a_token_that_is_revoked_takes_the_whole_login_with_it(party):
    """A hub that is done with an exchanged token must let it end by itself."""
    login = party.login("ada")
    token = party.exchange(login.access_token, "wes").json()["access_token"]
    assert party.revoke(token).ok
    assert party.introspect(login.access_token) == {"active": False}
    assert party.refresh(login.refresh_token).json() == {
        "error": "invalid_grant",
        "error_description": "Session doesn't have required client",
    }


def test_an_unknown_audience_is_refused(party):
    login = party.login("grace")
    assert _refused(party.exchange(login.access_token, "nobody")) == (
        "invalid_client",
        "Audience not found",
    )


def _refused(answer):
    assert answer.status_code == 400
    return answer.json()["error"], answer.json()["error_description"]

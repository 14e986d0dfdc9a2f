"""ID tokens and logout tokens: a true one is taken, and whatever else comes is refused."""

import asyncio
import base64
import hashlib
import time
import traceback

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jhub_gateway.clients.id_tokens import (
    CLOCK_SKEW_SECONDS,
    LOGOUT_AGE_SECONDS,
    LOGOUT_EVENT,
    LogoutNotice,
    SeenTokens,
    verify_id_token,
    verify_logout_token,
)
from jhub_gateway.clients.oidc import ProviderUnavailable
from jhub_gateway.errors import LoginRefused
from tests.unit.provider_keys import CLIENT, ISSUER, Provider, Signer, make_claims

NONCE = "the nonce of the login"
ALGORITHMS = ["RS256", "PS384", "ES256", "ES512", "EdDSA"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def make_logout(**changes):
    events = {LOGOUT_EVENT: {}}
    return make_claims(**{"sid": "s1", "jti": "j1", "events": events, **changes})


async def verify(token, provider=None, **settings):
    keys = (provider or Provider()).make_keys()
    return await verify_id_token(token, keys, issuer=ISSUER, client_id=CLIENT, **settings)


async def verify_logout(token, provider=None, **settings):
    keys = (provider or Provider()).make_keys()
    return await verify_logout_token(token, keys, issuer=ISSUER, client_id=CLIENT, **settings)


async def refuse(verifying):
    """Return the text of the cause, for the log; no text of it says anything of a token."""
    with pytest.raises(LoginRefused) as refusal:
        await verifying
    assert isinstance(refusal.value.__cause__, jwt.PyJWTError)
    return str(refusal.value.__cause__)


# ID tokens


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_true_id_token(algorithm):
    signer, claims = Signer("k", algorithm), make_claims(nonce=NONCE, name="Ada")
    assert await verify(signer.sign(claims), Provider(signer), nonce=NONCE) == claims


async def test_refusal_tells_the_user_what_to_do():
    with pytest.raises(LoginRefused, match="Log in again, and tell the gateway's operators"):
        await verify(Signer().sign(make_claims(aud="another")))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat"])
async def test_claim_that_is_needed(claim):
    assert claim in await refuse(verify(Signer().sign(make_claims(**{claim: None}))))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ISSUER + "/"},
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": {CLIENT: True}},
        {"aud": [CLIENT, 7]},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"azp": [CLIENT]},
        {"azp": ""},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["7"]},
        {"exp": "9999999999"},
        {"iat": "1"},
        {"iat": [1]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": float("inf")},
        {"nbf": "now"},
        {"events": {LOGOUT_EVENT: {}}},
    ],
    ids=repr,
)
async def test_claims_that_are_refused(changes):
    await refuse(verify(Signer().sign(make_claims(**changes))))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"azp": CLIENT},
        {"iat": 1_700_000_000.5},
        {"nbf": 1},
    ],
    ids=repr,
)
async def test_claims_that_are_taken(changes):
    assert await verify(Signer().sign(make_claims(**changes)))


@pytest.mark.parametrize("kind", ["logout+jwt", "application/logout+jwt", "at+jwt", "AT+JWT"])
async def test_token_of_another_kind_is_no_id_token(kind):
    await refuse(verify(Signer().sign(make_claims(), typ=kind)))


async def test_signature_by_another_is_refused():
    await refuse(verify(Signer(number=4).sign(make_claims())))


async def test_unsigned_token_is_refused():
    await refuse(verify(jwt.encode(make_claims(), None, "none", {"kid": "one"})))


# Clocks


@pytest.mark.parametrize("seconds", [-90, 90])
async def test_clock_that_is_90_seconds_off_is_taken(seconds):
    now = int(time.time()) + seconds
    assert await verify(Signer().sign(make_claims(iat=now, nbf=now, exp=now + 10)))


@pytest.mark.parametrize("seconds", [-180, 180])
async def test_clock_that_is_180_seconds_off_is_refused(seconds):
    now = int(time.time()) + seconds
    token = Signer().sign(make_claims(iat=now, nbf=now, exp=now + 10))
    await refuse(verify(token))
    assert await verify(token, clock_skew=200)


async def test_skew_is_bounded_to_the_second():
    now = int(time.time())
    for beyond in (CLOCK_SKEW_SECONDS + 5, CLOCK_SKEW_SECONDS + 3600):
        for changes in ({"exp": now - beyond}, {"iat": now + beyond}, {"nbf": now + beyond}):
            await refuse(verify(Signer().sign(make_claims(**changes))))
    near = CLOCK_SKEW_SECONDS - 5
    for changes in ({"exp": now - near}, {"iat": now + near}, {"nbf": now + near}):
        assert await verify(Signer().sign(make_claims(**changes)))


# The nonce, and the access token


@pytest.mark.parametrize("stated", [None, "", "another", NONCE + " ", 7, [NONCE], "\ud800", "é"])
async def test_nonce_of_another_login_is_refused(stated):
    token = Signer().sign(make_claims(nonce=stated))
    assert "nonce" in await refuse(verify(token, nonce=NONCE))


@pytest.mark.parametrize("stated", [None, NONCE])
async def test_refreshed_token_may_have_a_nonce_or_none(stated):
    assert await verify(Signer().sign(make_claims(nonce=stated)))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("RS256", "sha256"), ("PS384", "sha384"), ("ES512", "sha512"), ("EdDSA", "sha512")],
)
async def test_access_token_that_came_with_it(algorithm, digest):
    signer = Signer("k", algorithm)
    whole = hashlib.new(digest, b"opaque").digest()
    at_hash = base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")
    token = signer.sign(make_claims(at_hash=at_hash))
    assert await verify(token, Provider(signer), access_token="opaque")
    assert "at_hash" in await refuse(verify(token, Provider(signer), access_token="another"))
    assert await verify(token, Provider(signer))


async def test_example_of_the_at_hash_in_the_specification():
    # OpenID Connect Core, A.3: the access token and at_hash of its example.
    access_token, at_hash = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"
    token = Signer().sign(make_claims(at_hash=at_hash))
    assert await verify(token, access_token=access_token)


@pytest.mark.parametrize("at_hash", ["", 7, [], {}])
async def test_at_hash_of_a_wrong_type(at_hash):
    await refuse(verify(Signer().sign(make_claims(at_hash=at_hash)), access_token="opaque"))


async def test_token_without_at_hash_says_nothing_of_the_access_token():
    assert await verify(Signer().sign(make_claims()), access_token="opaque")


# Keys that cannot be had


async def test_keys_that_cannot_be_had_are_no_refusal():
    provider = Provider()
    provider.document = ProviderUnavailable("down")
    for verifying in (verify, verify_logout):
        with pytest.raises(ProviderUnavailable):
            await verifying(Signer().sign(make_logout()), provider)


# Logout tokens


@pytest.mark.parametrize(
    "kind", ["logout+jwt", "application/logout+jwt", "LOGOUT+JWT", "JWT", None]
)
async def test_true_logout_token(kind):
    token = Signer().sign(make_logout(), typ=kind or "")
    assert ("typ" in jwt.get_unverified_header(token)) == (kind is not None)
    assert await verify_logout(token) == LogoutNotice("7", "s1", "j1")


@pytest.mark.parametrize(
    ("changes", "notice"),
    [
        ({"sid": None}, LogoutNotice("7", None, "j1")),
        ({"sub": None}, LogoutNotice(None, "s1", "j1")),
        ({"events": {LOGOUT_EVENT: {}, "https://other": 7}}, LogoutNotice("7", "s1", "j1")),
    ],
)
async def test_whom_a_logout_is_of(changes, notice):
    assert await verify_logout(Signer().sign(make_logout(**changes))) == notice


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None, "sid": None},
        {"sub": ""},
        {"sub": 7},
        {"sid": ["s1"]},
        {"sid": ""},
        {"jti": None},
        {"jti": 7},
        {"jti": ""},
        {"iat": None},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"nonce": NONCE},
        {"nonce": ""},
        {"nonce": 0},
        {"events": None},
        {"events": {}},
        {"events": [LOGOUT_EVENT]},
        {"events": LOGOUT_EVENT},
        {"events": {LOGOUT_EVENT: True}},
        {"events": {LOGOUT_EVENT: None}},
        {"events": {"https://other": {}}},
    ],
    ids=repr,
)
async def test_logout_tokens_that_are_refused(changes):
    await refuse(verify_logout(Signer().sign(make_logout(**changes))))


async def test_logout_token_with_an_empty_nonce_is_refused():
    claims = {**make_logout(), "nonce": None}
    await refuse(verify_logout(Signer().sign(claims)))


async def test_neither_kind_of_token_is_taken_for_the_other():
    await refuse(verify_logout(Signer().sign(make_claims(jti="j1", sid="s1"))))
    await refuse(verify(Signer().sign(make_logout())))
    for kind in ("at+jwt", "id+jwt"):
        await refuse(verify_logout(Signer().sign(make_logout(), typ=kind)))


async def test_logout_signed_by_another_or_by_nobody_is_refused():
    await refuse(verify_logout(Signer(number=4).sign(make_logout())))
    await refuse(verify_logout(jwt.encode(make_logout(), None, "none", {"kid": "one"})))


async def test_age_of_a_logout_is_bounded():
    now = int(time.time())
    oldest = now - LOGOUT_AGE_SECONDS - CLOCK_SKEW_SECONDS
    assert await verify_logout(Signer().sign(make_logout(iat=oldest + 10)))
    assert await verify_logout(Signer().sign(make_logout(iat=now + 90)))
    for changes in ({"iat": oldest - 10}, {"iat": now + 180}, {"exp": now - 180}, {"iat": 1}):
        await refuse(verify_logout(Signer().sign(make_logout(**changes))))


# Anything else


hostile = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.integers(),
    st.lists(st.text(), max_size=2),
    st.lists(
        st.binary(max_size=40).map(
            lambda part: base64.urlsafe_b64encode(part).decode().rstrip("=")
        ),
        min_size=2,
        max_size=4,
    ).map(".".join),
)


@settings(max_examples=200)
@given(hostile)
def test_anything_else_is_refused(token):
    asyncio.run(refuse(verify(token)))
    asyncio.run(refuse(verify_logout(token)))


@settings(max_examples=200)
@given(st.data())
def test_true_token_with_a_letter_changed_is_refused(data):
    token = Signer("k", "EdDSA").sign(make_logout())
    # The last letter of a segment may hold bits that are no part of it.
    ends = {place - 1 for place, letter in enumerate(token) if letter == "."} | {len(token) - 1}
    place = data.draw(st.sampled_from([n for n in range(len(token)) if n not in ends]))
    letter = data.draw(st.characters().filter(lambda letter: letter != token[place]))
    changed = token[:place] + letter + token[place + 1 :]
    asyncio.run(refuse(verify_logout(changed, Provider(Signer("k", "EdDSA")))))


names = st.sampled_from(
    ["iss", "aud", "azp", "sub", "sid", "exp", "iat", "nbf", "nonce", "at_hash", "jti", "events"]
)


@settings(max_examples=300)
@given(st.dictionaries(names, json_values, max_size=3))
def test_any_claims_that_the_provider_signs_are_taken_or_refused(changes):
    signer = Signer("k", "EdDSA")
    provider = Provider(signer)
    token = signer.sign({**make_claims(), **changes})
    logout = signer.sign({**make_logout(), **changes})
    try:
        claims = asyncio.run(verify(token, provider, access_token="opaque"))
    except LoginRefused:
        pass
    else:
        assert isinstance(claims["sub"], str)
        assert claims["sub"]
        assert claims["iss"] == ISSUER
        assert claims["aud"] == CLIENT or CLIENT in claims["aud"]
        assert claims.get("azp") in (None, CLIENT)
    try:
        notice = asyncio.run(verify_logout(logout, provider))
    except LoginRefused:
        return
    assert notice.subject or notice.session
    assert {type(notice.subject), type(notice.session)} <= {str, type(None)}
    assert isinstance(notice.token_id, str)


@pytest.mark.parametrize(
    "changes", [{"aud": "another"}, {"exp": 1}, {"nonce": "other"}, {"azp": "x"}]
)
async def test_no_text_of_a_refusal_has_the_token(changes):
    token = Signer().sign(make_claims(secret="the secret claim", **changes))
    for verifying in (verify(token, nonce=NONCE), verify(token + "!"), verify_logout(token)):
        with pytest.raises(LoginRefused) as refusal:
            await verifying
        text = "".join(traceback.format_exception(refusal.value))
        assert not any(segment in text for segment in token.split("."))
        assert "secret claim" not in text
        assert NONCE not in text


# Seen tokens


def test_token_is_new_once():
    seen = SeenTokens()
    assert seen.add("a")
    assert seen.add("b")
    assert not seen.add("a")


def test_token_is_remembered_for_its_age():
    now = [0.0]
    seen = SeenTokens(max_age=60, clock=lambda: now[0])
    assert seen.add("a")
    now[0] = 59.9
    assert not seen.add("a")
    now[0] = 60
    assert seen.add("a")
    assert len(seen) == 1


def test_memory_of_tokens_is_bounded():
    seen = SeenTokens(most=3)
    for number in range(1000):
        assert seen.add(str(number))
        assert len(seen) <= 3
    assert [seen.add(str(number)) for number in (999, 998, 997)] == [False] * 3


def test_default_age_outlives_every_notice():
    now = [0.0]
    seen = SeenTokens(clock=lambda: now[0])
    # From the first second of a notice of a clock ahead to the last of one.
    assert seen.add("a")
    now[0] = LOGOUT_AGE_SECONDS + 2 * CLOCK_SKEW_SECONDS - 1
    assert not seen.add("a")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20)), max_size=40))
def test_seen_tokens_are_what_a_list_would_remember(steps):
    now, told = 0, []
    seen = SeenTokens(max_age=30, clock=lambda: now)
    for token, seconds in steps:
        now += seconds
        expected = all(one != token or now - at >= 30 for one, at in told)
        assert seen.add(token) == expected
        if expected:
            told.append((token, now))

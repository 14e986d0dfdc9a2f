"""The provider's keys: few requests, whatever tokens come; rotation; and no key of a wrong kind."""

import asyncio
import base64
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms
from tornado.httpclient import HTTPClientError

from jhub_gateway.clients.oidc import ProviderUnavailable, WrongDiscovery
from jhub_gateway.clients.signing_keys import (
    LONGEST_TOKEN,
    MAX_AGE_SECONDS,
    REFETCH_SECONDS,
    RETRY_SECONDS,
    STALE_SECONDS,
    UnknownKey,
    find_algorithms,
    make_signing_key,
    read_header,
    read_signing_keys,
)
from tests.unit.provider_keys import CLIENT, JWKS_URI, Provider, Signer, make_claims

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALGORITHMS += ["ES256", "ES384", "ES512", "EdDSA"]
DOWN = ProviderUnavailable("down")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def decode(keys, token):
    return keys.decode(token, audience=CLIENT)


def encode(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


# What is verified


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_each_algorithm_is_verified(algorithm):
    signer = Signer("k", algorithm)
    claims = make_claims()
    keys = Provider(Signer("other", "RS256", 9), signer).make_keys()
    assert await decode(keys, signer.sign(claims)) == claims
    forged = Signer("k", algorithm, number=5)
    with pytest.raises(jwt.PyJWTError):
        await decode(keys, forged.sign(claims))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_changed_token_is_refused(algorithm):
    signer = Signer("k", algorithm)
    head, body, signature = signer.sign(make_claims()).split(".")
    keys = Provider(signer).make_keys()
    with pytest.raises(jwt.InvalidTokenError):
        await decode(keys, ".".join([head, encode(make_claims(sub="8")), signature]))
    with pytest.raises(jwt.InvalidTokenError):
        await decode(keys, f"{head}.{body}.")


async def test_key_without_alg_is_used_for_all_that_its_kind_allows():
    signer = Signer()
    provider = Provider()
    provider.document = {"keys": [signer.make_jwk(alg=None, use=None)]}
    keys = provider.make_keys()
    for algorithm in ("RS256", "RS512", "PS384"):
        assert await decode(keys, signer.sign(make_claims(), algorithm))


async def test_the_alg_of_the_key_is_the_only_one():
    keys = Provider(Signer("one", "RS256")).make_keys()
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(UnknownKey):
            await decode(keys, Signer().sign(make_claims(), algorithm))


@pytest.mark.parametrize("form", ["pem", "jwk", "modulus"])
@pytest.mark.parametrize("alg", [None, "RS256"])
async def test_public_key_as_a_shared_secret_is_refused(form, alg):
    signer, provider = Signer(), Provider()
    provider.document = {"keys": [signer.make_jwk(alg=alg)]}
    public = signer.private.public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(signer.make_jwk(alg=alg)).encode(),
        "modulus": signer.make_jwk()["n"].encode(),
    }[form]
    # By hand, as PyJWT does not sign with such a secret.
    signed = f"{encode({'alg': 'HS256', 'kid': 'one'})}.{encode(make_claims())}"
    signature = hmac.digest(secret, signed.encode(), "sha256")
    with pytest.raises(UnknownKey):
        await decode(provider.make_keys(), f"{signed}.{encode(signature)}")


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", None, 7, ["RS256"], {}, "HS256", "dir"]
)
async def test_no_algorithm_is_no_signature(alg):
    keys = Provider().make_keys()
    head, body = encode({"alg": alg, "kid": "one"}), encode(make_claims())
    for signature in ("", "AAAA"):
        with pytest.raises(jwt.InvalidTokenError):
            await decode(keys, f"{head}.{body}.{signature}")


async def test_shared_secret_in_the_set_is_no_key():
    provider = Provider()
    secret = {"kty": "oct", "kid": "s", "k": encode(b"s" * 32)}
    provider.document["keys"] += [{**secret, "alg": "HS256"}, secret]
    token = jwt.encode(make_claims(), "s" * 32, "HS256", {"kid": "s"})
    with pytest.raises(UnknownKey):
        await decode(provider.make_keys(), token)


# Which key it is


async def test_key_is_found_by_its_id():
    one, two = Signer("one"), Signer("two", number=1)
    keys = Provider(one, two).make_keys()
    assert await decode(keys, one.sign(make_claims()))
    assert await decode(keys, two.sign(make_claims()))
    with pytest.raises(jwt.InvalidTokenError):
        await decode(keys, one.sign(make_claims(), kid="two"))


async def test_token_without_an_id_is_verified_where_there_is_one_key_for_it():
    rsa, elliptic = Signer("one"), Signer("two", "ES256")
    token = rsa.sign(make_claims(), kid=None)
    assert await decode(Provider(rsa, elliptic).make_keys(), token)
    with pytest.raises(UnknownKey):
        await decode(Provider(rsa, Signer("three", number=1)).make_keys(), token)


async def test_key_without_an_id_is_for_tokens_without_one():
    signer, provider = Signer(), Provider()
    provider.document = {"keys": [signer.make_jwk(kid=None)]}
    keys = provider.make_keys()
    assert await decode(keys, signer.sign(make_claims(), kid=None))
    with pytest.raises(UnknownKey):
        await decode(keys, signer.sign(make_claims()))


async def test_two_keys_of_one_id_are_both_tried():
    one, two = Signer("same"), Signer("same", number=1)
    provider = Provider(one, two)
    keys = provider.make_keys()
    assert await decode(keys, one.sign(make_claims()))
    assert await decode(keys, two.sign(make_claims()))
    assert len(provider.calls) == 1
    with pytest.raises(jwt.InvalidTokenError):
        await decode(keys, Signer("same", number=2).sign(make_claims()))


async def test_other_errors_of_a_token_do_not_ask_for_keys_again():
    provider = Provider()
    keys = provider.make_keys()
    for changes in ({"exp": 1}, {"aud": "another"}):
        with pytest.raises(jwt.InvalidTokenError):
            await decode(keys, Signer().sign(make_claims(**changes)))
    assert len(provider.calls) == 1


# When the provider is asked


async def test_callers_at_the_same_time_share_one_request():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    assert len(await asyncio.gather(*(decode(keys, token) for _ in range(100)))) == 100
    assert provider.calls == [JWKS_URI]


async def test_keys_are_kept_for_their_age_and_asked_for_where_they_are_then():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    await decode(keys, token)
    provider.now += MAX_AGE_SECONDS - 1
    await decode(keys, token)
    assert len(provider.calls) == 1
    provider.now += 1
    provider.uri = JWKS_URI + "/2"
    await decode(keys, token)
    assert provider.calls == [JWKS_URI, JWKS_URI + "/2"]


async def test_withdrawn_key_holds_no_longer_than_its_age():
    provider = Provider(Signer("old"))
    keys, token = provider.make_keys(), Signer("old").sign(make_claims())
    await decode(keys, token)
    provider.publish(Signer("new", number=1))
    provider.now += MAX_AGE_SECONDS
    with pytest.raises(UnknownKey):
        await decode(keys, token)


async def test_rotated_key_is_asked_for_at_once():
    provider = Provider(Signer("old"))
    keys = provider.make_keys()
    await decode(keys, Signer("old").sign(make_claims()))
    new = Signer("new", number=1)
    provider.publish(Signer("old"), new)
    provider.now += 1
    tokens = [new.sign(make_claims(sub=str(number))) for number in range(20)]
    await asyncio.gather(*(decode(keys, token) for token in tokens))
    assert len(provider.calls) == 2


async def test_rotated_key_of_the_same_id_is_asked_for_at_once():
    provider = Provider(Signer("same"))
    keys = provider.make_keys()
    await decode(keys, Signer("same").sign(make_claims()))
    provider.publish(Signer("same", number=1))
    provider.now += 1
    assert await decode(keys, Signer("same", number=1).sign(make_claims()))
    assert len(provider.calls) == 2
    with pytest.raises(jwt.InvalidTokenError):
        await decode(keys, Signer("same").sign(make_claims()))
    assert len(provider.calls) == 2


@pytest.mark.parametrize("key_id", ["forged {}", "one"])
@pytest.mark.parametrize("together", [True, False])
async def test_flood_of_forged_tokens_is_no_flood_of_requests(key_id, together):
    provider = Provider()
    keys, good = provider.make_keys(), Signer().sign(make_claims())
    await decode(keys, good)
    claims = make_claims()
    forged = [Signer(key_id.format(n), number=3).sign(claims) for n in range(60)]
    for second in range(60):
        provider.now += 1
        if together:
            answers = await asyncio.gather(
                *(decode(keys, token) for token in forged[:9]), return_exceptions=True
            )
        else:
            (answers,) = [
                await asyncio.gather(decode(keys, forged[second]), return_exceptions=True)
            ]
        assert all(isinstance(answer, jwt.InvalidTokenError) for answer in answers)
        assert await decode(keys, good)
    assert len(provider.calls) == 1 + 60 // REFETCH_SECONDS


async def test_first_token_with_an_unknown_key_costs_one_request():
    provider = Provider()
    with pytest.raises(UnknownKey):
        await decode(provider.make_keys(), Signer("unknown").sign(make_claims()))
    assert len(provider.calls) == 1


async def test_keys_are_not_asked_for_at_each_token_even_with_no_age():
    provider = Provider()
    keys, token = provider.make_keys(max_age=0), Signer().sign(make_claims())
    for _ in range(REFETCH_SECONDS):
        await decode(keys, token)
        provider.now += 1
    assert len(provider.calls) == 1
    await decode(keys, token)
    assert len(provider.calls) == 2


async def test_token_that_cannot_be_read_asks_for_nothing():
    provider = Provider()
    keys = provider.make_keys()
    for token in ("", "a.b.c", "é.a.b", "a" * (LONGEST_TOKEN + 1)):
        with pytest.raises(jwt.InvalidTokenError):
            await decode(keys, token)
    assert provider.calls == []


async def test_length_of_a_token_is_bounded():
    keys = Provider().make_keys()
    assert await decode(keys, Signer().sign(make_claims(groups="g" * (LONGEST_TOKEN // 2))))
    with pytest.raises(jwt.DecodeError):
        await decode(keys, Signer().sign(make_claims(groups="g" * LONGEST_TOKEN)))


# When it cannot be asked


FAILURES: list[object] = [
    ProviderUnavailable("down"),
    HTTPClientError(404),
    HTTPClientError(302),
    HTTPClientError(503),
    HTTPClientError(599, "Timeout"),
    OSError("no route"),
    TimeoutError(),
    json.JSONDecodeError("x", "y", 0),
    *(None, [], {}, {"keys": None}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}),
    *("text", 7, {"keys": {"kty": "RSA"}}, {"keys": [None, 7, []]}),
]


@pytest.mark.parametrize("answer", FAILURES, ids=repr)
async def test_kinds_of_failure(answer):
    provider = Provider()
    provider.document = answer
    keys = provider.make_keys()
    with pytest.raises(ProviderUnavailable):
        await decode(keys, Signer().sign(make_claims()))


@pytest.mark.parametrize("answer", FAILURES, ids=repr)
async def test_old_keys_hold_while_the_provider_fails_and_not_for_ever(answer):
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    await decode(keys, token)
    provider.document = answer
    provider.now += MAX_AGE_SECONDS
    assert await decode(keys, token)
    provider.now += STALE_SECONDS - 1
    assert await decode(keys, token)
    assert len(provider.calls) == 3
    provider.now += 1
    with pytest.raises(ProviderUnavailable):
        await decode(keys, token)
    provider.publish(Signer())
    provider.now += RETRY_SECONDS
    assert await decode(keys, token)


async def test_failing_provider_is_asked_now_and_then():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    provider.document = DOWN
    for second in range(10 * RETRY_SECONDS):
        with pytest.raises(ProviderUnavailable):
            await decode(keys, token)
        assert len(provider.calls) == 1 + second // RETRY_SECONDS
        provider.now += 1
    provider.publish(Signer())
    await decode(keys, token)
    asked = len(provider.calls)
    provider.document = DOWN
    provider.now += MAX_AGE_SECONDS
    for _ in range(2 * REFETCH_SECONDS):
        await decode(keys, token)
        provider.now += 1
    assert len(provider.calls) == asked + 2


async def test_unknown_key_is_not_refused_while_nobody_can_say():
    provider = Provider()
    keys = provider.make_keys()
    await decode(keys, Signer().sign(make_claims()))
    provider.document, provider.now = DOWN, provider.now + 1
    new = Signer("new", number=1)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await decode(keys, new.sign(make_claims()))
    assert len(provider.calls) == 2
    provider.publish(new)
    provider.now += REFETCH_SECONDS
    assert await decode(keys, new.sign(make_claims()))


async def test_failure_that_is_over_is_told_no_more():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    provider.document = DOWN
    with pytest.raises(ProviderUnavailable):
        await decode(keys, token)
    provider.publish(Signer())
    provider.now += RETRY_SECONDS
    assert await decode(keys, token)
    with pytest.raises(UnknownKey):
        await decode(keys, Signer("unknown").sign(make_claims()))


async def test_discovery_that_fails_is_a_provider_that_fails():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    provider.uri = WrongDiscovery("another issuer")
    with pytest.raises(ProviderUnavailable, match="another issuer"):
        await decode(keys, token)
    provider.uri, provider.now = JWKS_URI, provider.now + RETRY_SECONDS
    assert await decode(keys, token)


async def test_slow_provider_holds_nobody_up_who_needs_no_new_key():
    provider = Provider()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    await decode(keys, token)
    provider.now += 1
    provider.answering.clear()
    new = Signer("new", number=1)
    waiting = asyncio.create_task(decode(keys, new.sign(make_claims())))
    await asyncio.sleep(0.01)
    assert len(provider.calls) == 2
    await asyncio.wait_for(decode(keys, token), 1)
    assert not waiting.done()
    provider.publish(new)
    provider.answering.set()
    assert await waiting


async def test_caller_that_goes_away_does_not_cancel_the_others():
    provider = Provider()
    provider.answering.clear()
    keys, token = provider.make_keys(), Signer().sign(make_claims())
    first, second = (asyncio.create_task(decode(keys, token)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    provider.answering.set()
    assert await second
    assert len(provider.calls) == 1


# What a key is


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_usable_key(algorithm):
    key = make_signing_key(Signer("k", algorithm).make_jwk())
    assert key is not None
    assert key.key_id == "k"
    assert key.algorithms == {algorithm}


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": 7},
        {"key_ops": ["encrypt"]},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "ES256"},
        {"alg": "RSA-OAEP"},
        {"alg": ["RS256"]},
        {"kty": "oct"},
        {"kty": "XYZ"},
        {"kty": ["RSA"]},
        {"kty": "EC"},
        {"kty": "OKP", "crv": "X25519"},
        {"kid": 7},
        {"n": 7},
        {"n": "!"},
        {"n": "é"},
        {"n": None},
        {"e": "AA"},
        {"d": "AAAA"},
    ],
    ids=repr,
)
def test_key_that_verifies_nothing(changes):
    assert make_signing_key(Signer().make_jwk(**changes)) is None
    # It does not cost the good ones.
    document = {"keys": [Signer().make_jwk(**changes), Signer("good").make_jwk()]}
    assert [key.key_id for key in read_signing_keys(document)] == ["good"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_private_key_that_is_published_verifies_nothing(algorithm):
    signer = Signer("k", algorithm)
    text = get_default_algorithms()[algorithm].to_jwk(signer.private)
    whole = {name: value for name, value in json.loads(text).items() if name != "key_ops"}
    assert make_signing_key({**whole, "alg": algorithm}) is None


def test_short_rsa_key_verifies_nothing():
    assert make_signing_key(Signer(bits=1024).make_jwk()) is None


def test_curve_decides_the_algorithm():
    jwk = Signer("k", "ES384").make_jwk(alg=None)
    assert find_algorithms(jwk) == {"ES384"}
    assert make_signing_key({**jwk, "alg": "ES256"}) is None
    assert make_signing_key({**jwk, "crv": "P-256"}) is None


members = st.sampled_from(["kty", "crv", "alg", "use", "kid", "n", "e", "x", "y", "key_ops", "oth"])
signers = st.sampled_from(["RS256", "ES256", "EdDSA"])


@settings(max_examples=300)
@given(json_values, signers, st.dictionaries(members, json_values, max_size=3))
def test_any_set_of_keys_is_read(document, algorithm, changes):
    read_signing_keys(document)
    jwk = {**Signer("k", algorithm).make_jwk(), **changes}
    for key in read_signing_keys({"keys": [document, jwk]}):
        assert key.algorithms <= set(ALGORITHMS)
        assert key.algorithms


segments = st.one_of(
    st.text(),
    st.binary().map(encode),
    json_values.map(encode),
    st.fixed_dictionaries(
        {}, optional={"alg": json_values, "kid": json_values, "crit": json_values}
    ).map(encode),
)


@settings(max_examples=300)
@given(st.lists(segments, max_size=4).map(".".join) | json_values)
def test_any_header_is_read_or_refused_without_quoting_it(token):
    try:
        assert isinstance(read_header(token)["alg"], str)
    except jwt.PyJWTError as problem:
        text = str(problem)
    else:
        return
    assert text in {
        "the token is no text of a token's form and length",
        "the token has no readable header",
        "the token names no algorithm",
    }

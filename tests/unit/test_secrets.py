"""Secrets that are too weak, and the addresses that may carry a login."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub.crypto import _validate_key

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.secrets import (
    SHORTEST_SECRET,
    check_crypt_keys,
    check_not_placeholder,
    check_secret,
    is_placeholder,
)
from jhub_gateway.policy.urls import check_issuer, check_login_url, is_loopback

EXAMPLES = """
changeme CHANGE-ME change_me_please replace-me <client-secret> secret xxx XXXXXXXXXXXXXXXX TODO
your-client-secret Your_Client_ID example ${CLIENT_SECRET} {{secret}} [secret] %SECRET% placeholder
Password my-secret none CLIENT_ID fixme changeme-changeme-changeme ...
"""
REAL = """
jupyterhub hub gateway cilogon:/client_id/3f2a a8f5f167f44f4964e6c998dee827110c test-beam-hub
example-institute-hub K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=
"""
WEAK = ["a" * 14, b"a" * 14, "", b"", b"\0" * 32, "ab" * 20, bytes.fromhex("deadbeef" * 8)]
WEAK_TEXTS = [b"changeme" * 4, "please-replace-me-now", "<put a secret of 32 bytes>"]
SAFE_URLS = """
https://hub.gateway.org/hub/oauth_callback http://127.0.0.1:8000/hub/oauth_callback
http://localhost/x http://[::1]:8000/x http://127.9.9.9/
http://hub.test.internal:8000/x http://HUB.test.internal/
"""
UNSAFE_URLS = """
hub.gateway.org /hub/oauth_callback ftp://hub/x https:///x javascript:alert(1)
http://hub.gateway.org/x http://127.0.0.1.gateway.org/ http://localhost.gateway.org/
http://127.0.0.1@gateway.org/ https://ada:pw@gateway.org/ https://[::1/ https://a:b/
http://0.0.0.0/ http://10.0.0.1/ http://hub.localhost/ http://sub.hub.test.internal/
"""


@pytest.mark.parametrize("text", ["", "  ", "client secret", *EXAMPLES.split()])
def test_placeholders(text):
    assert is_placeholder(text)


@pytest.mark.parametrize("text", REAL.split())
def test_real_settings_are_no_placeholders(text):
    assert not is_placeholder(text)


@given(st.binary(min_size=16, max_size=64))
def test_made_secrets_are_no_placeholders(data):
    """Only a repeated letter can come out of hexadecimal digits."""
    assert not is_placeholder(data.hex()) or len(set(data.hex())) == 1


@given(st.text(min_size=6) | st.binary(min_size=6))
def test_a_short_secret_is_refused_and_not_shown(value):
    short = value[: SHORTEST_SECRET - 1]
    with pytest.raises(ConfigurationError, match="the secret") as error:
        check_secret("the secret", short)
    assert str(short) not in str(error.value)


@pytest.mark.parametrize("value", [*WEAK, *WEAK_TEXTS])
def test_weak_secrets(value):
    with pytest.raises(ConfigurationError, match="openssl rand -hex 32"):
        check_secret("JupyterHub.cookie_secret", value)


@pytest.mark.parametrize(
    "value",
    ["abcdefghijklmno", secrets.token_bytes(32), secrets.token_hex()],
    ids=["short", "bytes", "hexadecimal"],  # the same in each process of a test run
)
def test_strong_secrets(value):
    check_secret("JupyterHub.cookie_secret", value)


@pytest.mark.parametrize(
    ("value", "reason"), [("", "missing"), ("  ", "missing"), ("TODO", "example")]
)
def test_not_placeholder(value, reason):
    with pytest.raises(ConfigurationError, match=f"client_secret.*{reason}"):
        check_not_placeholder("GatewayAuthenticator.client_secret", value)
    check_not_placeholder("GatewayAuthenticator.client_secret", "K7gNU3sdo+OL0wNhqoVW")


@pytest.mark.parametrize("url", SAFE_URLS.split())
def test_addresses_that_may_carry_a_login(url):
    check_login_url("x", url, {"hub.test.internal"})


@pytest.mark.parametrize("url", ["", *UNSAFE_URLS.split()])
def test_addresses_that_may_not(url):
    with pytest.raises(ConfigurationError, match="oauth_callback_url"):
        check_login_url("GatewayAuthenticator.oauth_callback_url", url, {"hub.test.internal"})


def test_password_in_an_address_is_not_repeated():
    with pytest.raises(ConfigurationError) as error:
        check_login_url("x", "https://ada:hunter2@gateway.org/")
    assert "hunter2" not in str(error.value)


@given(st.text())
def test_any_address_passes_or_is_refused(url):
    try:
        check_login_url("x", url)
        check_issuer("x", url)
    except ConfigurationError:
        return
    assert url.lower().startswith(("https://", "http://"))


@pytest.mark.parametrize(
    "url",
    ["", "https://a.org?x=1", "https://a.org#x", "https://a.org/.well-known/openid-configuration"],
)
def test_no_issuer(url):
    with pytest.raises(ConfigurationError, match="issuer"):
        check_issuer("GatewayAuthenticator.issuer", url)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.1.1", False),
        ("hub.localhost", False),
        ("*", False),
        ("", False),
    ],
)
def test_is_loopback(host, loopback):
    assert is_loopback(host) is loopback


CRYPT_KEYS = [bytes(range(32)), "x" * 32, bytes(range(32)).hex(), b"A" * 43 + b"="]


@pytest.mark.parametrize("key", CRYPT_KEYS)
def test_crypt_keys_that_jupyterhub_reads(key):
    check_crypt_keys([key])
    assert len(_validate_key(key)) == 32


@given(st.binary() | st.text(st.characters(codec="ascii")), st.sampled_from([32, 44, 64]))
def test_crypt_key_that_passes_is_one_that_jupyterhub_reads(key, length):
    for candidate in (key, key[:1] * length):
        try:
            check_crypt_keys([candidate])
        except ConfigurationError:
            continue
        assert len(_validate_key(candidate)) == 32


@pytest.mark.parametrize(
    ("keys", "words"), [([], "no key"), (["short"], "5 characters"), (["x" * 32, ""], "key 2")]
)
def test_crypt_keys_that_stop_the_hub(keys, words):
    with pytest.raises(ConfigurationError, match=words):
        check_crypt_keys(keys)

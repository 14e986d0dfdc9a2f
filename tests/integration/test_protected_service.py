"""The protected service of the tests takes tokens that hold, and no others."""

import time

import pytest
import requests

from tests.fixtures.gateway_client import exchange, log_in, refresh
from tests.fixtures.identity_provider import IdentityProvider
from tests.fixtures.protected_service import (
    EXPIRED,
    MISSING,
    REFUSED,
    REVOKED,
    UNCHECKED,
    UNKNOWN,
    VALID,
    WRONG_AUDIENCE,
    ProtectedService,
)

SERVICE = "https://data.gateway.example"


@pytest.fixture(scope="module")
def provider(make_identity_provider) -> IdentityProvider:
    """Its access tokens hold for a minute, unless a test says otherwise."""
    return make_identity_provider(exchange_audiences=[SERVICE], lifetimes={"access_token": 60})


@pytest.fixture
def service(make_protected_service, provider) -> ProtectedService:
    return make_protected_service(provider)


def call(service: ProtectedService, token: str = "") -> tuple[int, str]:
    """The status of the answer, and what the service made of the request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.get(f"{service.url}/data", headers=headers, timeout=10)
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    return answer.status_code, service.requests[-1].outcome


def test_valid_unknown_missing(service, provider):
    token = log_in(provider, provider.accounts["ada"])["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(service.url, headers=headers, timeout=10)
    assert answer.json() == {"sub": service.requests[0].sub}
    assert call(service, "no-token") == (401, UNKNOWN)
    assert call(service) == (401, MISSING)
    assert service.count_outcomes() == {VALID: 1, UNKNOWN: 1, MISSING: 1}
    assert service.count_tokens() == 2
    assert token not in repr(service.requests)


def test_expired_to_the_second(make_identity_provider, make_protected_service):
    provider = make_identity_provider(lifetimes={"access_token": 3})
    service = make_protected_service(provider)
    token = log_in(provider, provider.accounts["ada"])["access_token"]
    assert call(service, token) == (200, VALID)
    deadline = time.monotonic() + 5
    while call(service, token) == (200, VALID) and time.monotonic() < deadline:
        time.sleep(0.02)
    *_, last, first = service.requests
    assert (last.outcome, first.outcome) == (VALID, EXPIRED)
    # The provider counts in whole seconds, so the end is one.
    end = int(first.time)
    assert last.time < end <= first.time


def test_provider_that_is_away(make_identity_provider, make_protected_service):
    provider = make_identity_provider(lifetimes={"access_token": 3})
    service = make_protected_service(provider)
    tokens = log_in(provider, provider.accounts["ada"])
    renewed = refresh(provider, tokens["refresh_token"]).json()
    assert call(service, renewed["access_token"]) == (200, VALID)
    provider.stop()
    assert call(service, renewed["access_token"]) == (200, VALID)
    assert call(service, "never-seen") == (503, UNCHECKED)
    time.sleep(3)
    assert call(service, renewed["access_token"]) == (401, EXPIRED)
    provider.start()
    assert call(service, renewed["access_token"]) == (401, EXPIRED)


def test_revoked(service, provider):
    token = log_in(provider, provider.accounts["grace"])["access_token"]
    assert call(service, token) == (200, VALID)
    provider.log_out("grace")
    assert call(service, token) == (401, REVOKED)


def test_clock_of_the_provider(make_identity_provider, make_protected_service):
    provider = make_identity_provider(lifetimes={"access_token": 60})
    service = make_protected_service(provider)
    for offset in (-90, 90):
        provider.set_clock_offset(offset)
        token = log_in(provider, provider.accounts["ada"])["access_token"]
        assert call(service, token) == (200, VALID)
    provider.set_clock_offset(200)
    assert call(service, token) == (401, EXPIRED)


def test_audience(make_protected_service, provider):
    service = make_protected_service(provider, audience=SERVICE)
    token = log_in(provider, provider.accounts["ada"])["access_token"]
    assert call(service, token) == (401, WRONG_AUDIENCE)
    exchanged = exchange(provider, token, audience=SERVICE).json()["access_token"]
    assert call(service, exchanged) == (200, VALID)


def test_refusal_of_the_next_request(service, provider):
    token = log_in(provider, provider.accounts["ada"])["access_token"]
    service.refuse_next()
    assert call(service, token) == (401, REFUSED)
    assert call(service, token) == (200, VALID)

"""The provider's addresses: fetched once for all who ask, kept for a while, and not trusted."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import HTTPClientError

from jhub_gateway.clients.oidc import (
    Discovery,
    ProviderError,
    ProviderUnavailable,
    WrongDiscovery,
    make_discovery_url,
    read_metadata,
)

ISSUER = "https://login.gateway.org"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/auth",
    "token_endpoint": ISSUER + "/token",
    "userinfo_endpoint": ISSUER + "/userinfo",
    "jwks_uri": ISSUER + "/certs",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


class Fetch:
    def __init__(self, answer=DOCUMENT):
        self.answer, self.calls = answer, 0

    async def __call__(self, url, **_):
        self.calls += 1
        await asyncio.sleep(0)
        assert url == ISSUER + "/.well-known/openid-configuration"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_callers_at_the_same_time_share_one_request():
    fetch = Fetch()
    discovery = Discovery(fetch, ISSUER, 60)
    answers = await asyncio.gather(*(discovery.get() for _ in range(300)))
    assert fetch.calls == 1
    assert {answer.token_endpoint for answer in answers} == {ISSUER + "/token"}


async def test_callers_at_the_same_time_share_a_failure_and_the_next_asks_again():
    fetch = Fetch(ConnectionRefusedError())
    discovery = Discovery(fetch, ISSUER, 60)
    answers = await asyncio.gather(*(discovery.get() for _ in range(9)), return_exceptions=True)
    assert fetch.calls == 1
    assert all(isinstance(answer, ProviderUnavailable) for answer in answers)
    fetch.answer = DOCUMENT
    assert (await discovery.get()).issuer == ISSUER


async def test_caller_that_goes_away_does_not_cancel_the_others():
    discovery = Discovery(Fetch(), ISSUER, 60)
    first, second = asyncio.ensure_future(discovery.get()), asyncio.ensure_future(discovery.get())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).issuer == ISSUER


async def test_metadata_is_kept_for_its_age_and_no_longer():
    now, fetch = [0.0], Fetch()
    discovery = Discovery(fetch, ISSUER, 60, clock=lambda: now[0])
    for moment, calls in [(0, 1), (59, 1), (60, 2), (100, 2), (120, 3)]:
        now[0] = moment
        await discovery.get()
        assert fetch.calls == calls


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HTTPClientError(404), WrongDiscovery),
        (HTTPClientError(302), WrongDiscovery),
        (HTTPClientError(500), ProviderUnavailable),
        (HTTPClientError(599, "Timeout"), ProviderUnavailable),
        (OSError("no route"), ProviderUnavailable),
        ([], WrongDiscovery),
        (None, WrongDiscovery),
        ({**DOCUMENT, "issuer": "https://evil.example"}, WrongDiscovery),
    ],
    ids=repr,
)
async def test_kinds_of_failure(answer, error):
    with pytest.raises(error):
        await Discovery(Fetch(answer), ISSUER, 60).get()


def test_logout_address_is_optional():
    assert read_metadata(DOCUMENT, ISSUER).end_session_endpoint is None
    document = {**DOCUMENT, "end_session_endpoint": ISSUER + "/logout"}
    assert read_metadata(document, ISSUER).end_session_endpoint == ISSUER + "/logout"


@pytest.mark.parametrize("key", [key for key in DOCUMENT if key != "issuer"])
@pytest.mark.parametrize(
    "value", [None, 7, "", "/token", "http://login.gateway.org/x", "file:///x"]
)
def test_endpoint_that_cannot_be_used(key, value):
    with pytest.raises(WrongDiscovery, match=key):
        read_metadata({**DOCUMENT, key: value}, ISSUER)


def test_issuer_must_be_the_same_to_the_last_slash():
    with pytest.raises(WrongDiscovery, match="Only the slash at the end differs"):
        read_metadata(DOCUMENT, ISSUER + "/")
    assert make_discovery_url(ISSUER + "/") == make_discovery_url(ISSUER)


@given(json_values, st.dictionaries(st.sampled_from(list(DOCUMENT)), json_values))
def test_any_document_is_read_or_refused(document, changes):
    for candidate in (document, DOCUMENT | changes):
        try:
            metadata = read_metadata(candidate, ISSUER)
        except ProviderError:
            continue
        assert metadata.issuer == candidate["issuer"] == ISSUER

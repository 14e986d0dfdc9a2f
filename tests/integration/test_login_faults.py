"""Logins while something is wrong between the hub and its provider."""

import time

import pytest

from jhub_gateway.clients.signing_keys import RETRY_SECONDS
from tests.fixtures.fault_proxy import DISCOVERY, KEYS, TOKEN, USERINFO
from tests.integration.test_authenticator import make_config, sign_in

UNAVAILABLE = "cannot be used right now"
UNFINISHED = "was not completed"
REFUSED = "a login that this hub cannot accept"


@pytest.fixture
def provider_and_proxy(make_provider_behind_proxy):
    """A provider, and the way to it."""
    return make_provider_behind_proxy()


@pytest.fixture
def hub(provider_and_proxy, make_hub):
    """A hub that asks its provider through the proxy, and has not done so yet."""
    return make_hub(make_config(provider_and_proxy[0]))


def log_in(hub, provider):
    """Sign ada in; return the page's status and text."""
    _, page = sign_in(hub, provider.accounts["ada"])
    return page.status_code, page.text


def test_each_fault_has_its_page_and_the_next_login_works(hub, provider_and_proxy):
    provider, proxy = provider_and_proxy
    faults = [
        (lambda: proxy.answer(KEYS, 500), 503, UNAVAILABLE),  # first: they are kept once known
        (lambda: proxy.answer(TOKEN, 500), 503, UNAVAILABLE),
        (lambda: proxy.answer(USERINFO, 502), 503, UNAVAILABLE),
        (lambda: proxy.drop(TOKEN), 503, UNAVAILABLE),
        (lambda: proxy.garbage(TOKEN), 503, UNAVAILABLE),
        (lambda: proxy.oauth_error(TOKEN, "invalid_grant"), 400, UNFINISHED),
    ]
    for put_in, status, sentence in faults:
        put_in()
        shown, text = log_in(hub, provider)
        assert (shown, sentence in text) == (status, True), text
        proxy.clear()
    time.sleep(RETRY_SECONDS)
    assert log_in(hub, provider)[0] == 200


def test_slow_keys_hold_up_a_login_and_do_not_fail_it(hub, provider_and_proxy):
    provider, proxy = provider_and_proxy
    proxy.delay(KEYS, 2)
    assert log_in(hub, provider)[0] == 200
    assert proxy.count(KEYS, fault="delay")


def test_keys_are_asked_for_once_and_again_when_they_change(hub, provider_and_proxy):
    provider, proxy = provider_and_proxy
    assert [log_in(hub, provider)[0] for _ in range(3)] == [200] * 3
    assert proxy.count(KEYS) == 1
    provider.rotate_keys(drop_old=True)
    assert log_in(hub, provider)[0] == 200
    assert proxy.count(KEYS) == 2
    assert proxy.count(DISCOVERY) == 1


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_clock_that_is_90_seconds_off_keeps_nobody_out(hub, provider_and_proxy, seconds):
    provider, _ = provider_and_proxy
    provider.set_clock_offset(seconds)
    assert log_in(hub, provider)[0] == 200


def test_a_clock_that_is_far_ahead_is_refused(hub, provider_and_proxy):
    provider, _ = provider_and_proxy
    provider.set_clock_offset(600)
    status, text = log_in(hub, provider)
    assert (status, REFUSED in text) == (403, True)
    assert "not yet valid" in hub.log

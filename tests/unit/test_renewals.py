"""A user's credentials beside the login's own: each renewed by itself, and revoked at the end."""

import asyncio
import json
import time

import pytest

from jhub_gateway.connectors.plain import Plain
from jhub_gateway.credentials import renewals
from jhub_gateway.credentials.renewals import Renewals, Source
from jhub_gateway.errors import CredentialRefused, CredentialUnavailable, LoginEnded
from jhub_gateway.models import Issued, Login
from tests.unit.credential_helpers import LOG
from tests.unit.samples import read

NOW = 1_000_000.0


class Connector:
    """Issues numbered credentials; ``trouble`` is raised instead."""

    def __init__(self, desk, name, lifetime=300.0, is_kept=False):
        self._desk = desk
        self.name, self.audience, self.lifetime, self.is_kept = name, "", lifetime, is_kept
        self.trouble = None
        self.hangs = False
        self.count = 0
        self.calls = []
        self.revoked = []

    async def issue(self, _login, _service):
        return await self._make("issue")

    async def renew(self, _login, _service, _issued):
        return await self._make("renew")

    async def revoke(self, _service, issued):
        await self._hang()
        self.revoked.append(issued.handle["id"])
        if self.trouble:
            raise self.trouble

    async def _hang(self):
        if self.hangs:
            await asyncio.Event().wait()

    async def _make(self, call):
        self.calls.append(call)
        await self._hang()
        if self.trouble:
            raise self.trouble
        self.count += 1
        expires_at = None if self.lifetime is None else self._desk.now + self.lifetime
        content = b"\x00\xff" + f"{self.name}-{self.count}".encode()
        return Issued({self.name: content}, self.name, expires_at, handle={"id": self.count})


class Desk:
    now = NOW

    def __init__(self):
        self.renewals = self.restart()

    def connect(self, name, **options):
        return Connector(self, name, **options)

    def restart(self):
        return Renewals(None, LOG, lambda: self.now)


@pytest.fixture
def desk():
    return Desk()


def make_login(token="access-0", expires_at=NOW + 300):  # noqa: S107
    return Login("ada", "https://login", "7", frozenset(), token, None, expires_at)


def make_sources(*connectors):
    return {one.name: Source("fake", one) for one in connectors}


async def renew(desk, *connectors, login=None):
    found = await desk.renewals.renew(login or make_login(), make_sources(*connectors))
    return {one.name: one for one in found}


async def test_each_is_issued_once_and_renewed_when_due(desk):
    one = desk.connect("one")
    for _ in range(3):
        assert (await renew(desk, one))["one"].state == "valid"
    assert one.calls == ["issue"]
    assert NOW + 150 <= desk.renewals.next_at <= NOW + 180
    desk.now = desk.renewals.next_at
    found = await renew(desk, one)
    assert one.calls == ["issue", "renew"]
    assert found["one"].issued.handle == {"id": 2}


async def test_a_new_login_token_alone_renews_none_that_holds(desk):
    one = desk.connect("one")
    await renew(desk, one)
    await renew(desk, one, login=make_login("access-1"))
    assert one.calls == ["issue"]


async def test_one_without_an_end_is_issued_once(desk):
    one = desk.connect("one", lifetime=None)
    await renew(desk, one)
    desk.now += 10**9
    assert (await renew(desk, one))["one"].state == "valid"
    assert one.calls == ["issue"]
    assert desk.renewals.next_at is None


@pytest.mark.parametrize(
    "trouble",
    [CredentialUnavailable("down"), LoginEnded("refused"), ValueError("sesame"), OSError()],
)
async def test_one_that_fails_leaves_the_others_and_what_it_had(desk, trouble, caplog):
    one, two = desk.connect("one"), desk.connect("two")
    await renew(desk, one, two)
    desk.now += 200
    one.trouble = trouble
    found = await renew(desk, one, two)
    assert (found["one"].state, found["two"].state) == ("late", "valid")
    assert found["one"].issued.handle == {"id": 1}
    assert found["one"].sentence
    assert found["two"].issued.handle == {"id": 2}
    desk.now += 200
    found = await renew(desk, one, two)
    assert found["one"].state == "late"
    assert found["one"].issued == Issued()
    one.trouble = None
    desk.now += 60
    assert (await renew(desk, one, two))["one"].state == "valid"


async def test_one_that_fails_is_asked_ever_less(desk):
    one = desk.connect("one")
    one.trouble = CredentialUnavailable("down")
    waits = []
    for _ in range(10):
        await renew(desk, one)
        waits.append(desk.renewals.next_at - desk.now)
        await renew(desk, one)
        desk.now = desk.renewals.next_at
    assert one.calls == ["issue"] * 10
    assert waits[0] <= 1
    assert 30 <= waits[-1] <= 60
    one.trouble = None
    await renew(desk, one)
    one.trouble = CredentialUnavailable("down")
    desk.now = desk.renewals.next_at
    await renew(desk, one)
    assert desk.renewals.next_at - desk.now <= 1


async def test_a_refusal_is_told_and_asked_again_after_a_new_login_or_a_while(desk):
    one = desk.connect("one")
    one.trouble = CredentialRefused("Ask the operators of one.")
    found = await renew(desk, one)
    assert (found["one"].state, found["one"].sentence) == ("ended", "Ask the operators of one.")
    await renew(desk, one)
    assert one.calls == ["issue"]
    await renew(desk, one, login=make_login("access-1"))
    assert one.calls == ["issue"] * 2
    one.trouble = None
    desk.now += 301
    assert (await renew(desk, one, login=make_login("access-1")))["one"].state == "valid"


async def test_another_login_has_all_issued_anew_but_what_is_kept(desk):
    one, two, kept = desk.connect("one"), desk.connect("two"), desk.connect("kept", is_kept=True)
    one.trouble = CredentialUnavailable("down")
    await renew(desk, one, two, kept)
    one.trouble = None
    desk.renewals.retry_now()
    found = await renew(desk, one, two, kept)
    assert found["one"].state == "valid"
    assert two.calls == ["issue", "renew"]
    assert kept.calls == ["issue"]


async def test_the_logins_own_token_changes_with_the_login(desk):
    plain = Plain("api", "api.gateway.org")
    found = await renew(desk, plain)
    assert found["api"].issued.expires_at == NOW + 300
    desk.now = NOW + 301
    assert (await renew(desk, plain))["api"].state == "late"
    found = await renew(desk, plain, login=make_login("access-1", NOW + 600))
    assert (found["api"].state, found["api"].issued.expires_at) == ("valid", NOW + 600)
    assert desk.renewals.next_at is None


async def test_one_that_hangs_costs_the_others_nothing_and_is_told_late(desk, monkeypatch, caplog):
    monkeypatch.setattr(renewals, "CONNECTOR_SECONDS", 0.2)
    one, two, three = (desk.connect(name) for name in ("one", "two", "three"))
    await renew(desk, one, two, three)
    desk.now += 200
    one.hangs = three.hangs = True
    began = time.monotonic()
    found = await renew(desk, one, two, three)
    assert time.monotonic() - began < 0.39
    assert [found[name].state for name in ("one", "two", "three")] == ["late", "valid", "late"]
    assert found["one"].issued.handle == {"id": 1}
    assert found["two"].issued.handle == {"id": 2}
    assert "no answer in 0.2 s" in caplog.text
    assert "Traceback" not in caplog.text


async def test_what_hangs_is_not_revoked_for_ever(desk, monkeypatch):
    monkeypatch.setattr(renewals, "CONNECTOR_SECONDS", 0.2)
    one, two = desk.connect("one"), desk.connect("two")
    await renew(desk, one, two)
    one.hangs = True
    async with asyncio.timeout(5):
        await desk.renewals.revoke()
    assert (one.revoked, two.revoked) == ([], [1])


# Revoked


async def test_all_are_revoked_at_the_end(desk):
    one, two, never = desk.connect("one"), desk.connect("two"), desk.connect("never")
    never.trouble = CredentialUnavailable("down")
    await renew(desk, one, two, never)
    one.trouble = ValueError("sesame")
    await desk.renewals.revoke()
    assert (one.revoked, two.revoked, never.revoked) == ([1], [1], [])
    await desk.renewals.revoke()
    assert two.revoked == [1]


async def test_what_the_user_may_have_no_more_is_revoked(desk):
    one, two = desk.connect("one", is_kept=True), desk.connect("two")
    await renew(desk, one, two)
    assert list(await renew(desk, two)) == ["two"]
    assert one.revoked == [1]
    assert two.revoked == []
    await renew(desk, one, two)
    assert one.calls == ["issue", "issue"]


async def test_a_login_that_is_over_has_none(desk):
    one = desk.connect("one")
    await renew(desk, one)
    (ended,) = desk.renewals.end(make_sources(one))
    assert ended.state == "ended"
    assert ended.issued == Issued()
    assert desk.renewals.next_at is None


async def test_the_order_is_the_operators(desk):
    one, two, three = (desk.connect(name) for name in ("one", "two", "three"))
    await renew(desk, two, three)
    assert list(await renew(desk, one, two, three)) == ["one", "two", "three"]


# Over a restart


async def test_what_a_connector_wants_kept_outlives_the_hub(desk):
    kept, other = desk.connect("kept", is_kept=True), desk.connect("other")
    sources = make_sources(kept, other)
    before = await renew(desk, kept, other)
    next_at = desk.renewals._kept["kept"].next_at
    saved = json.loads(json.dumps(desk.renewals.save(sources)))
    assert list(saved) == ["kept"]
    desk.renewals = desk.restart()
    desk.renewals.load(saved, sources)
    after = await renew(desk, kept, other)
    assert after["kept"] == before["kept"]
    assert kept.calls == ["issue"]
    assert other.calls == ["issue", "issue"]
    desk.now = next_at
    assert (await renew(desk, kept, other))["kept"].issued.handle == {"id": 2}
    assert kept.calls == ["issue", "renew"]


async def test_what_is_there_is_not_loaded_over(desk):
    kept = desk.connect("kept", is_kept=True)
    sources = make_sources(kept)
    await renew(desk, kept)
    saved = desk.renewals.save(sources)
    desk.now += 200
    await renew(desk, kept)
    desk.renewals.load(saved, sources)
    assert (await renew(desk, kept))["kept"].issued.handle == {"id": 2}


@pytest.mark.parametrize("saved", [{"kept": {}}, {"kept": None}, {"kept": {"files": []}}, {"x": 1}])
async def test_what_another_version_saved_is_issued_anew(desk, saved):
    kept = desk.connect("kept", is_kept=True)
    desk.renewals.load(saved, make_sources(kept))
    assert (await renew(desk, kept))["kept"].state == "valid"
    assert kept.calls == ["issue"]


async def test_what_was_never_issued_is_not_saved(desk):
    kept = desk.connect("kept", is_kept=True)
    kept.trouble = CredentialUnavailable("down")
    await renew(desk, kept)
    assert desk.renewals.save(make_sources(kept)) == {}


async def test_each_renewal_is_counted_by_how_it_went(desk):
    def count(result):
        labels = {"credential": "counted", "system": "fake", "result": result}
        return read("jhub_gateway_credential_renewals_total", **labels)

    one = desk.connect("counted")
    await renew(desk, one)
    await renew(desk, one)  # not due
    assert [count(result) for result in ("renewed", "failed", "refused")] == [1, 0, 0]
    desk.now += 299
    one.trouble = CredentialUnavailable("away")
    await renew(desk, one)
    assert count("failed") == 1
    desk.now += 3600
    one.trouble = CredentialRefused("no more")
    await renew(desk, one)
    assert [count(result) for result in ("renewed", "failed", "refused")] == [1, 1, 1]

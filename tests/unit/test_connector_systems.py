"""Connectors of systems with an API, against servers after the systems' documentation.

The hub's side is its real login, which makes the requests; the other is the system's own client.
"""

import asyncio
import json
import ssl
import time
from datetime import UTC, datetime

import pytest
import tes
import trustme
from pyDataverse.api import NativeApi
from pyDataverse.auth import ApiTokenAuth

from jhub_gateway.authenticator import GatewayAuthenticator
from jhub_gateway.connectors import make_connectors
from jhub_gateway.connectors.arvados import Arvados
from jhub_gateway.connectors.dataverse import Dataverse
from jhub_gateway.connectors.jatos import Jatos
from jhub_gateway.credentials.renewals import Renewals, Source
from jhub_gateway.errors import ConfigurationError, CredentialRefused, CredentialUnavailable
from jhub_gateway.models import Credential, Login
from jhub_gateway.policy.credentials import end_faulty, parse_credentials
from tests.fixtures import gateway_systems as systems
from tests.unit.credential_helpers import LOG, SOUND, Clock

LOGIN = Login("ada", "https://login.example", "s-1", frozenset(), systems.LOGIN_TOKEN)
STRANGER = Login("bob", "https://login.example", "s-9", frozenset(), "login-of-bob")
WEEK = 7 * 24 * 3600


@pytest.fixture
def start():
    """Starts systems, and stops them after the test."""
    with systems.run_systems() as run:
        yield run


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    made = trustme.CA()
    made.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return path, context


@pytest.fixture
def hub(authority):
    """The hub's own login, with its real HTTP client."""
    trusted = {"ca_certs": str(authority[0])}
    return GatewayAuthenticator(**SOUND, allow_all=True, http_request_kwargs=trusted)


@pytest.fixture
def clock():
    return Clock()


def make_jatos(system, tmp_path, clock, **settings):
    (tmp_path / "admin").write_text(f"{systems.ADMIN_TOKEN}\n")
    return Jatos("jatos", "", system.url, tmp_path / "admin", clock=clock, **settings)


def check_sound(issued):
    """It can be written, told in a log and kept in the database."""
    assert end_faulty([Credential("one", "theirs", issued=issued)])[1] == []
    assert json.loads(json.dumps(dict(issued.handle))) == issued.handle
    for token in (systems.LOGIN_TOKEN, systems.ADMIN_TOKEN, *issued.files.values()):
        assert str(token) not in repr(issued)


# JATOS


async def test_jatos_makes_a_token_that_its_api_takes(start, hub, tmp_path, clock):
    system = start(systems.Jatos)
    jatos = make_jatos(system, tmp_path, clock)
    issued = await jatos.issue(LOGIN, hub)
    assert issued.token == "jatos.token"
    assert [issued.files["jatos.token"].decode()] == list(system.tokens)
    assert issued.files["jatos.url"].decode() == system.url
    assert issued.expires_at is None
    check_sound(issued)
    await jatos.revoke(hub, issued)
    assert system.tokens == {}


async def test_jatos_renews_each_week_and_deletes_the_first_at_the_next_look(
    start, hub, tmp_path, clock
):
    system = start(systems.Jatos)
    jatos = make_jatos(system, tmp_path, clock)
    first = await jatos.issue(LOGIN, hub)
    clock.ahead = WEEK - 60
    looked = await jatos.renew(LOGIN, hub, first)
    assert looked.files == first.files
    clock.ahead = WEEK + 1
    second = await jatos.renew(LOGIN, hub, looked)
    assert second.files != first.files
    assert len(system.tokens) == 2
    third = await jatos.renew(LOGIN, hub, second)
    assert third.files == second.files
    assert [second.files["jatos.token"].decode()] == list(system.tokens)


async def test_jatos_makes_another_in_place_of_one_that_was_deleted(start, hub, tmp_path, clock):
    system = start(systems.Jatos)
    jatos = make_jatos(system, tmp_path, clock)
    issued = await jatos.issue(LOGIN, hub)
    system.tokens.clear()
    renewed = await jatos.renew(LOGIN, hub, issued)
    assert [renewed.files["jatos.token"].decode()] == list(system.tokens)
    await jatos.revoke(hub, renewed)
    assert system.tokens == {}


async def test_jatos_keeps_to_an_end_that_it_names(start, hub, tmp_path, clock):
    system = start(systems.Jatos)
    system.expiration = "2126-12-21T20:00:00Z"
    assert (await make_jatos(system, tmp_path, clock).issue(LOGIN, hub)).expires_at == 4953556800


async def test_jatos_tells_a_stranger_what_to_do(start, hub, tmp_path, clock):
    system = start(systems.Jatos)
    with pytest.raises(CredentialRefused) as refused:
        await make_jatos(system, tmp_path, clock).issue(STRANGER, hub)
    assert str(refused.value) == f"Log in at {system.url} once, then start your server again."


async def test_a_wrong_token_of_the_administrator_is_no_refusal_to_the_user(
    start, hub, tmp_path, clock
):
    system = start(systems.Jatos)
    jatos = make_jatos(system, tmp_path, clock)
    (tmp_path / "admin").write_text("jap_secret-old")
    with pytest.raises(CredentialUnavailable, match=r"/users answered 401$") as raised:
        await jatos.issue(LOGIN, hub)
    assert "secret" not in str(raised.value)
    (tmp_path / "admin").write_text("\n")
    with pytest.raises(ConfigurationError, match=r"admin_token_file: /.*/admin has no token"):
        jatos.check()
    (tmp_path / "admin").unlink()
    with pytest.raises(ConfigurationError, match=r"'jatos': admin_token_file: .*No such file"):
        jatos.check()


# Arvados


def make_arvados(clock, *hosts, **settings):
    return Arvados("arvados", "", hosts, clock=clock, **settings)


def read_settings(issued, file="settings.conf"):
    return dict(line.split("=", 1) for line in issued.files[file].decode().splitlines())


async def test_arvados_has_its_tools_settings(start, hub, authority, clock):
    system = start(systems.Arvados, tls=authority[1])
    arvados = make_arvados(clock, system.host, lifetime_seconds=3600)
    issued = await arvados.issue(LOGIN, hub)
    written = read_settings(issued)
    assert written["ARVADOS_API_HOST"] == system.host
    assert [written["ARVADOS_API_TOKEN"]] == list(system.tokens)
    assert issued.token is None
    assert issued.expires_at == pytest.approx(time.time() + 3600, abs=60)
    check_sound(issued)


async def test_arvados_leaves_the_token_before_to_running_kernels(start, hub, authority, clock):
    system = start(systems.Arvados, tls=authority[1])
    arvados = make_arvados(clock, system.host, lifetime_seconds=3600)
    first = await arvados.issue(LOGIN, hub)
    assert (await arvados.renew(LOGIN, hub, first)).files == first.files
    clock.ahead = 3600 * 0.6 + 1
    second = await arvados.renew(LOGIN, hub, first)
    assert len(system.tokens) == 2
    await arvados.revoke(hub, second)
    assert system.tokens == {}


async def test_a_cluster_may_cut_the_lifetime(start, hub, authority, clock):
    system = start(systems.Arvados, tls=authority[1])
    system.longest = datetime.fromtimestamp(time.time() + 900, UTC).isoformat()
    issued = await make_arvados(clock, system.host).issue(LOGIN, hub)
    assert issued.expires_at == pytest.approx(time.time() + 900, abs=60)


async def test_a_host_of_arvados_that_is_down_is_skipped(start, hub, authority, clock):
    first, second = (start(systems.Arvados, tls=authority[1]) for _ in range(2))
    second.tokens = first.tokens
    arvados = make_arvados(clock, first.host, second.host)
    first.is_down = True
    issued = await arvados.issue(LOGIN, hub)
    assert read_settings(issued)["ARVADOS_API_HOST"] == second.host

    first.is_down = False
    assert (await arvados.renew(LOGIN, hub, issued)).files == issued.files
    second.is_down = True
    looked = await arvados.renew(LOGIN, hub, issued)
    assert read_settings(looked) == {
        "ARVADOS_API_HOST": first.host,
        "ARVADOS_API_TOKEN": read_settings(issued)["ARVADOS_API_TOKEN"],
    }
    first.stop()
    with pytest.raises(CredentialUnavailable) as raised:
        await arvados.renew(LOGIN, hub, looked)
    assert first.host in str(raised.value)
    assert second.host in str(raised.value)


async def test_arvados_tells_a_stranger_what_to_do(start, hub, authority, clock):
    system = start(systems.Arvados, tls=authority[1])
    with pytest.raises(CredentialRefused, match=r"^Log in at 127\.0\.0\.1:\d+ once, then start"):
        await make_arvados(clock, system.host).issue(STRANGER, hub)


# Dataverse


async def test_pydataverse_takes_what_the_files_say(start, hub, clock):
    system = start(systems.Dataverse)
    dataverse = Dataverse("dataverse", "", system.url, clock=clock)
    issued = await dataverse.issue(LOGIN, hub)
    assert issued.expires_at == 1826827200.443
    assert issued.token is None
    check_sound(issued)
    server, token = (
        issued.files[f"dataverse.{key}"].decode() for key in ("server_url", "api_token")
    )
    client = NativeApi(server, auth=ApiTokenAuth(token))
    answer = await asyncio.to_thread(client.get_user_api_token_expiration_date)
    assert answer.json()["data"]["message"] == f"Token {token} expires on {system.expiry}"
    await dataverse.revoke(hub, issued)
    assert system.tokens == {}
    await dataverse.revoke(hub, issued)


async def test_a_token_of_dataverse_is_made_once_and_looked_at_from_then_on(start, hub, clock):
    system = start(systems.Dataverse)
    dataverse = Dataverse("dataverse", "", system.url, clock=clock)
    issued = await dataverse.issue(LOGIN, hub)
    assert issued.renew_at == pytest.approx(time.time() + 600, abs=30)
    for _ in range(3):
        issued = await dataverse.renew(LOGIN, hub, issued)
    assert system.count("POST", "?returnExpiration=true") == 1
    system.tokens.clear()
    renewed = await dataverse.renew(LOGIN, hub, issued)
    assert list(system.tokens) == [renewed.files["dataverse.api_token"].decode()]


async def test_dataverse_tells_a_stranger_what_to_do(start, hub, clock):
    system = start(systems.Dataverse)
    with pytest.raises(CredentialRefused, match=r"^Log in at http://127\.0\.0\.1:\d+ once"):
        await Dataverse("dataverse", "", system.url, clock=clock).issue(STRANGER, hub)


async def test_a_late_login_is_shown_to_no_system(start, hub, clock):
    system = start(systems.Dataverse)
    late = Login("ada", "i", "s-1", frozenset(), systems.LOGIN_TOKEN, expires_at=time.time() - 1)
    with pytest.raises(CredentialUnavailable, match="the login's token is not renewed"):
        await Dataverse("dataverse", "", system.url, clock=clock).issue(late, hub)
    assert system.asked == []


async def test_no_token_goes_where_a_redirect_leads(start, hub, clock):
    system, elsewhere = start(systems.Dataverse), start(systems.Dataverse)
    dataverse = Dataverse("dataverse", "", system.url, clock=clock)
    issued = await dataverse.issue(LOGIN, hub)
    system.redirect = elsewhere.url
    for call in (dataverse.issue(LOGIN, hub), dataverse.renew(LOGIN, hub, issued)):
        with pytest.raises(CredentialUnavailable, match="answered 302"):
            await call
    assert elsewhere.asked == []


# TES


def make_one(**entry):
    return make_connectors(parse_credentials([entry]))[entry["name"]]


async def test_py_tes_takes_what_the_files_say(start, hub, tmp_path):
    system = start(systems.Tes)
    (tmp_path / "key").write_text("token-of-all\n")
    system.tokens = {"token-of-all": True}
    address = f"{system.url}/ga4gh/tes/v1"
    tesk = make_one(
        name="tes",
        system="ga4gh",
        url=f"{address}/",
        bearer="static",
        directory=str(tmp_path),
        token="key",
    )
    issued = await tesk.issue(LOGIN, hub)
    url, token = issued.files["tes.url"].decode(), issued.files[issued.token].decode()
    assert url == address
    check_sound(issued)
    client = tes.HTTPClient(url, token=token)
    task = tes.Task(executors=[tes.Executor(image="alpine", command=["true"])])
    number = await asyncio.to_thread(client.create_task, task)
    assert (await asyncio.to_thread(client.get_task, number)).state == "COMPLETE"


async def test_a_service_that_is_down_costs_the_provider_no_exchange(start, hub):
    system = start(systems.Tes)
    system.is_down = True
    asked = []

    async def request_token(parameters):
        asked.append(parameters)
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {"access_token": "for-tes", "issued_token_type": kind, "expires_in": 300}

    hub.request_token = request_token
    entry = {"name": "tes", "system": "ga4gh", "audience": "tesk"}
    exchange = make_one(**entry, url=f"{system.url}/ga4gh/tes/v1")
    with pytest.raises(CredentialUnavailable, match="service-info failed"):
        await exchange.issue(LOGIN, hub)
    assert asked == []
    unchecked = make_one(**entry, url=system.url, health_check=False)
    assert (await unchecked.issue(LOGIN, hub)).files["tes"] == b"for-tes"
    system.is_down = False
    issued = await exchange.issue(LOGIN, hub)
    assert (issued.token, issued.files["tes"], asked[-1]["audience"]) == ("tes", b"for-tes", "tesk")


async def test_the_logins_own_token_comes_with_the_address(start, hub):
    system = start(systems.Tes)
    login = make_one(name="wes", system="ga4gh", url=f"{system.url}/other", bearer="login")
    issued = await login.issue(LOGIN, hub)
    assert (issued.token, list(issued.files)) == ("access_token", ["wes.url"])
    assert login.audience == f"{system.url}/other"
    system.stop()
    with pytest.raises(CredentialUnavailable, match="service-info cannot be reached"):
        await login.renew(LOGIN, hub, issued)


# All of them together


async def test_a_system_that_is_down_is_late_alone(start, hub, tmp_path, clock):
    jatos, dataverse = start(systems.Jatos), start(systems.Dataverse)
    sources = {
        "jatos": Source("jatos", make_jatos(jatos, tmp_path, clock)),
        "dataverse": Source("dataverse", Dataverse("dataverse", "", dataverse.url, clock=clock)),
    }
    renewals = Renewals(hub, LOG, clock)
    await renewals.renew(LOGIN, sources)
    jatos.is_down = True
    clock.ahead = 601
    shown = {one.name: one for one in await renewals.renew(LOGIN, sources)}
    assert {name: one.state for name, one in shown.items()} == {
        "jatos": "late",
        "dataverse": "valid",
    }
    assert shown["jatos"].issued.files["jatos.token"].decode() in jatos.tokens
    jatos.is_down = False
    clock.ahead = 700
    assert {one.state for one in await renewals.renew(LOGIN, sources)} == {"valid"}
    assert len(jatos.tokens) == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"system": "jatos", "url": "https://a"}, "has no 'admin_token_file'"),
        ({"system": "jatos", "url": "http://a", "admin_token_file": "/x"}, "use https"),
        ({"system": "jatos", "url": "https://a", "admin_token_file": "x"}, "no absolute path"),
        ({"system": "dataverse", "url": "https://ada:secret@a"}, "url: an address has no user"),
        ({"system": "dataverse", "url": "https://a?b"}, "url: an address has no"),
        ({"system": "dataverse", "url": "https://a", "check_seconds": 60}, "120 is the fewest"),
        ({"system": "arvados"}, "has no 'api_hosts'"),
        ({"system": "arvados", "api_hosts": []}, "api_hosts: [] is no list of 1 to 4 hosts"),
        ({"system": "arvados", "api_hosts": ["https://a"]}, "'https://a' is no host such as"),
        ({"system": "arvados", "api_hosts": ["a\nB=c"]}, "is no host such as"),
        ({"system": "ga4gh", "audience": "a"}, "has no 'url'"),
        ({"system": "ga4gh", "url": "https://a"}, "no 'audience' and no 'resource'"),
        ({"system": "ga4gh", "url": "https://a", "bearer": "token"}, "bearer: 'token' is not"),
        ({"system": "ga4gh", "url": "https://a", "bearer": "static"}, "has no 'token'"),
        (
            {"system": "ga4gh", "url": "https://a", "bearer": "static", "token": "key"},
            "has no 'directory'",
        ),
        ({"system": "ga4gh", "url": "ftp://a", "bearer": "login"}, "no address like https://"),
        ({"system": "ga4gh", "url": "https://a", "bearer": "login", "scope": "x"}, "'scope'"),
        ({"system": "ftp", "directory": "/x"}, "has no 'host'"),
        ({"system": "ftp", "host": "a b", "directory": "/x"}, "host: 'a b' is no name of a host"),
        ({"system": "ftp", "host": "a", "port": "21", "directory": "/x"}, "'21' is no port"),
    ],
)
def test_a_wrong_setting_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        make_one(name="one", **entry)
    assert str(raised.value).startswith("credentials: credential 'one'")
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"data": None}, {"data": {"token": "a b"}}])
async def test_a_garbled_answer_is_no_credential(start, hub, authority, tmp_path, clock, answer):
    system = start(systems.Jatos, tls=authority[1])
    users = {"data": system.users}
    system.answer = lambda request: (200, users if request.method == "GET" else answer)
    for connector in (
        make_jatos(system, tmp_path, clock),
        make_arvados(clock, system.host),
        Dataverse("dataverse", "", system.url, clock=clock),
    ):
        with pytest.raises(CredentialUnavailable, match=r"the answer has no token|with no token"):
            await connector.issue(LOGIN, hub)

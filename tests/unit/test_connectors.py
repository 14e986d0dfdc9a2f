"""What each connector makes of a login, of files and of a provider's answers."""

import os
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway import connectors
from jhub_gateway.connectors import GROUP, Connector, make_connectors
from jhub_gateway.connectors.plain import Plain
from jhub_gateway.connectors.static import Static
from jhub_gateway.connectors.token_exchange import TokenExchange
from jhub_gateway.errors import ConfigurationError, CredentialUnavailable
from jhub_gateway.models import Credential, Issued, Login
from jhub_gateway.policy.credentials import LARGEST_CREDENTIAL, end_faulty, parse_credentials

NOW = 1_000_000.0
LOGIN = Login(
    username="ada",
    issuer="https://login.example",
    subject="s-1",
    groups=frozenset(),
    access_token="secret-login",
    expires_at=NOW + 300,
)
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
ANSWER = {
    "access_token": "secret-wes",
    "issued_token_type": ACCESS,
    "token_type": "Bearer",
    "expires_in": 60,
}


class Service:
    """A provider with one answer, at a hub whose clock stands until a request is on its way."""

    def __init__(self, answer=ANSWER):
        self.answer = answer
        self.now = NOW
        self.asked = []
        self.revoked = []

    def tell_time(self):
        return self.now

    async def request_token(self, parameters):
        self.asked.append(dict(parameters))
        self.now += 5
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def revoke_token(self, token):
        self.revoked.append(token)

    async def httpfetch(self, url, **_options):
        raise AssertionError(f"none of these connectors asks {url}")


def make(**entry):
    return make_connectors(parse_credentials([{"name": "wes", **entry}]))["wes"]


def exchange(service, **settings):
    return TokenExchange("wes", "wes.example", clock=service.tell_time, **settings)


# Which connector a system is.


def test_each_system_has_its_connector(tmp_path):
    made = make_connectors(
        parse_credentials(
            [
                {"name": "ftp", "system": "static", "directory": str(tmp_path)},
                {"name": "wes", "system": "token_exchange", "audience": "wes"},
                {"name": "api", "system": "plain", "audience": "api"},
            ]
        )
    )
    assert {name: type(one) for name, one in made.items()} == {
        "ftp": Static,
        "wes": TokenExchange,
        "api": Plain,
    }
    assert [(one.name, one.audience) for one in made.values()] == [
        ("ftp", ""),
        ("wes", "wes"),
        ("api", "api"),
    ]
    assert not any(one.is_kept for one in made.values())


def test_an_unknown_system_is_named_with_the_known_ones():
    with pytest.raises(ConfigurationError) as raised:
        make(system="sftp")
    message = str(raised.value)
    assert message.startswith("credentials: credential 'wes': system: 'sftp' is unknown")
    assert "jatos, plain, static, token_exchange" in message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["tests.nowhere:Theirs"], "can't be loaded from tests.nowhere:Theirs"),
        (["pathlib:Path"], "'theirs' is pathlib:Path, which is no Connector class"),
        (["pathlib:Path", "os:path"], "is offered twice, by os:path, pathlib:Path"),
    ],
)
def test_a_packages_wrong_offer_is_named(monkeypatch, values, said):
    offers = [EntryPoint("theirs", value, GROUP) for value in values]
    monkeypatch.setattr(connectors, "entry_points", lambda **_: offers)
    with pytest.raises(ConfigurationError) as raised:
        make(system="theirs")
    assert said in str(raised.value)


def test_a_package_that_is_found_twice_counts_once(monkeypatch):
    offer = EntryPoint("plain", "jhub_gateway.connectors.plain:Plain", GROUP)
    monkeypatch.setattr(connectors, "entry_points", lambda **_: [offer, offer])
    assert isinstance(make(system="plain"), Plain)


def test_another_connector_needs_to_issue_alone():
    class Theirs(Connector):
        @classmethod
        def make(cls, name, audience, _settings):
            return cls(name, audience)

        async def issue(self, login, _service):
            return Issued({self.name: login.username.encode()})

    theirs = Theirs.make("jatos", "", {})
    theirs.check()
    assert theirs.is_kept is False


async def test_by_default_renewing_is_issuing_and_revoking_is_nothing():
    service = Service()
    connector = exchange(service)
    issued = await connector.issue(LOGIN, service)
    assert (await connector.renew(LOGIN, service, issued)).files == issued.files
    assert len(service.asked) == 2
    await Plain("api").revoke(service, await Plain("api").issue(LOGIN, service))
    assert service.revoked == []


# What an operator writes.


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"system": "static"}, "has no 'directory'"),
        ({"system": "static", "directory": "ftp"}, "directory: 'ftp' is no absolute path"),
        ({"system": "static", "directory": "/x", "token": "a/b"}, "token: 'a/b'"),
        ({"system": "static", "directory": "/x", "reread_seconds": 0}, "reread_seconds: 0 is no"),
        ({"system": "static", "directory": "/x", "reread_seconds": "9"}, "reread_seconds: '9'"),
        ({"system": "static", "directory": "/x", "reread_seconds": True}, "reread_seconds: True"),
        ({"system": "static", "directory": "/x", "path": "y"}, "unknown key 'path'"),
        ({"system": "token_exchange"}, "no 'audience' and no 'resource'"),
        ({"system": "token_exchange", "resource": "wes"}, "resource: 'wes' is no absolute URI"),
        ({"system": "token_exchange", "resource": "https://a/#b"}, "without a fragment"),
        ({"system": "token_exchange", "resource": "https://[a"}, "resource: "),
        ({"system": "token_exchange", "audience": "a", "scope": ["x"]}, "scope: ['x'] is no text"),
        (
            {
                "system": "token_exchange",
                "audience": "a",
                "requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
            },
            "requested_token_type: a refresh token never leaves the hub",
        ),
        ({"system": "plain", "scope": "x"}, "unknown key 'scope'"),
    ],
)
def test_a_wrong_setting_is_named(entry, said):
    with pytest.raises(ConfigurationError) as raised:
        make(**entry)
    assert str(raised.value).startswith("credentials: credential 'wes'")
    assert said in str(raised.value)


# A shared credential.


@pytest.fixture
def secret(tmp_path):
    """A Secret as the kubelet mounts it."""
    (tmp_path / "..2026_11_21").mkdir()
    (tmp_path / "..data").symlink_to("..2026_11_21")
    for name, content in {"username": "shared", "password": "secret-1\n"}.items():
        (tmp_path / "..2026_11_21" / name).write_text(content)
        (tmp_path / name).symlink_to(Path("..data") / name)
    return tmp_path


def read(directory, **settings):
    return Static("ftp", "", directory, clock=lambda: NOW, **settings).issue(LOGIN, Service())


async def test_a_mounted_secret_becomes_the_credentials_files(secret):
    issued = await read(secret)
    assert issued.files == {"ftp.username": b"shared", "ftp.password": b"secret-1\n"}
    assert (issued.token, issued.expires_at, issued.renew_at) == (None, None, NOW + 60)
    assert end_faulty([Credential("ftp", "static", issued=issued)])[1] == []
    assert "secret" not in repr(issued)


async def test_a_directory_of_plain_files_will_do(tmp_path):
    (tmp_path / "key").write_bytes(b"\x00secret")
    (tmp_path / "folder").mkdir()
    issued = await read(tmp_path, reread_seconds=5.0)
    assert (issued.files, issued.renew_at) == ({"ftp.key": b"\x00secret"}, NOW + 5)


async def test_a_changed_secret_is_read_whole(secret, monkeypatch):
    """The kubelet swaps ``..data`` between the reading of two files."""
    (secret / "..2026_11_22").mkdir()
    for name in ("username", "password"):
        (secret / "..2026_11_22" / name).write_text("new")
    is_file = Path.is_file

    def swap_and_look(path, **options):
        (secret / "..swap").symlink_to("..2026_11_22")
        (secret / "..swap").rename(secret / "..data")
        return is_file(path, **options)

    monkeypatch.setattr(Path, "is_file", swap_and_look)
    assert (await read(secret)).files == {
        "ftp.username": b"shared",
        "ftp.password": b"secret-1\n",
    }
    assert set((await read(secret)).files.values()) == {b"new"}


async def test_a_token_has_no_line_break(secret):
    issued = await read(secret, token="password")
    assert (issued.token, issued.files[issued.token]) == ("ftp.password", b"secret-1")


def _remove(directory):
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


def _put(name, content):
    return lambda directory: (directory / name).write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_remove, "can't be read: No such file or directory"),
        (lambda directory: (directory / "key").unlink(), "has no files"),
        (lambda directory: (directory / "token").unlink(), "has no token, or it is empty"),
        (_put("token", b" \n"), "has no token, or it is empty"),
        (_put("big", bytes(LARGEST_CREDENTIAL)), "more than 262144 bytes"),
        (_put("a b", b"secret"), "has 'a b': 'ftp.a b' is no name for a file"),
        (_put("b" * 250, b"secret"), "is no name for a file"),
        (lambda directory: (_remove(directory), directory.touch()), "Not a directory"),
    ],
)
async def test_what_cannot_be_read_stops_the_hub_and_later_keeps_the_old_one(
    tmp_path, break_it, said
):
    directory = tmp_path / "mounted"
    directory.mkdir()
    (directory / "key").write_text("secret")
    token = None
    if "no token" in said:
        (directory / "token").write_text("secret")
        token = "token"
    connector = Static("ftp", "", directory, token)
    connector.check()
    break_it(directory)
    with pytest.raises(ConfigurationError) as stopped:
        connector.check()
    with pytest.raises(CredentialUnavailable) as later:
        await connector.issue(LOGIN, Service())
    assert str(stopped.value).startswith("credentials: credential 'ftp': directory: ")
    for raised in (stopped, later):
        assert str(directory) in str(raised.value)
        assert said in str(raised.value)
        assert "secret" not in str(raised.value)


async def test_a_secret_never_takes_the_place_of_what_is_told_of_it(tmp_path):
    (tmp_path / "json").write_text("secret")
    with pytest.raises(ConfigurationError, match=r"'credentials\.json' is reserved"):
        Static("credentials", "", tmp_path).check()


async def test_a_pipe_never_holds_up_the_hub(secret):
    os.mkfifo(secret / "..data" / "pipe")
    assert "ftp.pipe" not in (await read(secret)).files


# A token exchange.


async def test_the_logins_token_is_exchanged_for_the_services():
    service = Service()
    issued = await exchange(service, scope="read write").issue(LOGIN, service)
    assert service.asked == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "secret-login",
            "subject_token_type": ACCESS,
            "requested_token_type": ACCESS,
            "audience": "wes.example",
            "scope": "read write",
        }
    ]
    assert (issued.files, issued.token) == ({"wes": b"secret-wes"}, "wes")
    assert "secret" not in repr(issued)
    await exchange(service).revoke(service, issued)
    assert service.revoked == ["secret-wes"]


async def test_a_resource_needs_no_audience():
    service = Service()
    connector = make(system="token_exchange", resource="https://wes.example/api")
    await connector.issue(replace(LOGIN, expires_at=None), service)
    assert service.asked[0]["resource"] == "https://wes.example/api"
    assert "audience" not in service.asked[0]


async def test_a_lifetime_counts_from_before_the_request():
    service = Service({**ANSWER, "expires_in": 60.5})
    issued = await exchange(service).issue(LOGIN, service)
    assert issued.expires_at == NOW + 60.5
    assert service.now == NOW + 5


async def test_a_late_login_is_not_exchanged():
    service = Service()
    late = replace(LOGIN, expires_at=NOW)
    with pytest.raises(CredentialUnavailable, match="the login's token is not renewed"):
        await exchange(service).issue(late, service)
    assert service.asked == []
    unknown = replace(LOGIN, expires_at=None)
    assert (await exchange(service).issue(unknown, service)).expires_at == NOW + 60


async def test_a_token_of_unknown_lifetime_holds_as_long_as_the_login():
    answer = {key: value for key, value in ANSWER.items() if key != "expires_in"}
    for told in (answer, {**answer, "expires_in": None}):
        issued = await exchange(Service()).issue(LOGIN, Service(told))
        assert issued.expires_at == LOGIN.expires_at


async def test_a_refresh_token_stays_behind():
    service = Service({**ANSWER, "refresh_token": "secret-refresh"})
    issued = await exchange(service).issue(LOGIN, service)
    assert b"refresh" not in b"".join(issued.files.values())
    assert issued.handle == {}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "secret",
        {},
        *(
            {**ANSWER, "access_token": wrong}
            for wrong in (None, "", 1, ["secret"], {"a": "secret"})
        ),
        *(
            {**ANSWER, "access_token": f"secret{wrong}"}
            for wrong in ("\n", " x", "\r\nHost: a", "ä")
        ),
        {**ANSWER, "access_token": "secret" * 100_000},
        {**ANSWER, "access_token": "secret\ud800"},
        *(
            {**ANSWER, "issued_token_type": wrong}
            for wrong in (None, 1, "", "urn:ietf:params:oauth:token-type:refresh_token")
        ),
        *({**ANSWER, "token_type": wrong} for wrong in ("DPoP", 1, ["Bearer"], None)),
        *(
            {**ANSWER, "expires_in": wrong}
            for wrong in ("60", "secret", True, 0, -1, 10**400, float("inf"), float("nan"), [60])
        ),
    ],
    ids=lambda answer: str(answer)[:90],
)
async def test_a_wrong_answer_is_no_credential_and_tells_no_secret(answer):
    service = Service(answer)
    with pytest.raises(CredentialUnavailable, match="credential 'wes': the provider's") as raised:
        await exchange(service).issue(LOGIN, service)
    assert "secret" not in str(raised.value)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ANSWER)),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just(ACCESS),
    )
)
async def test_any_answer_is_a_sound_credential_or_a_known_error(wrong):
    service = Service({**ANSWER, **wrong})
    try:
        issued = await exchange(service).issue(LOGIN, service)
    except CredentialUnavailable:
        return
    assert end_faulty([Credential("wes", "token_exchange", issued=issued)])[1] == []
    assert issued.files["wes"].split() == [issued.files["wes"]]
    assert issued.expires_at >= NOW


async def test_revoking_nothing_asks_nothing():
    service = Service()
    await exchange(service).revoke(service, Issued())
    assert service.revoked == []


# The login's own token.


async def test_a_plain_credential_is_the_logins_token():
    issued = await Plain("api", "api.example").issue(LOGIN, Service())
    assert issued == Issued(token="access_token", expires_at=LOGIN.expires_at)

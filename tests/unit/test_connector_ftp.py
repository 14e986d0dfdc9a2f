"""An account that users share, as clients of FTP and HTTP read it."""

import asyncio
import netrc

import httpx
import pytest

from jhub_gateway.connectors import make_connectors
from jhub_gateway.errors import ConfigurationError, CredentialUnavailable
from jhub_gateway.models import Login
from jhub_gateway.policy.credentials import parse_credentials

LOGIN = Login("ada", "https://login.example", "s-1", frozenset(), "secret-login")


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "username").write_text("gateway\n")
    (tmp_path / "password").write_text("p4ss!#'word\n")
    return tmp_path


def make(secret, **entry):
    entry = {"name": "ftp", "system": "ftp", "host": "127.0.0.1", **entry}
    return make_connectors(parse_credentials([{**entry, "directory": str(secret)}]))["ftp"]


async def test_clients_find_the_account_in_the_netrc(secret, tmp_path):
    ftp = make(secret, host="ftp.example.org")
    ftp.check()
    issued = await ftp.issue(LOGIN, None)
    assert sorted(issued.files) == ["ftp.netrc", "ftp.password", "ftp.username"]
    assert (ftp.audience, issued.token) == ("ftp.example.org", None)
    file = tmp_path / "ftp.netrc"
    file.write_bytes(issued.files["ftp.netrc"])
    account = ("gateway", "p4ss!#'word")
    assert netrc.netrc(file).authenticators("ftp.example.org")[::2] == account
    flow = httpx.NetRCAuth(file).auth_flow(httpx.Request("GET", "https://ftp.example.org/a"))
    sent = httpx.BasicAuth(*account).auth_flow(httpx.Request("GET", "https://ftp.example.org/a"))
    assert next(flow).headers["Authorization"] == next(sent).headers["Authorization"]
    assert netrc.netrc(file).authenticators("other.example.org") is None


@pytest.mark.parametrize("password", ["", "pass word", 'p"', "p\\", "#p", "p\nmachine x", "pä"])
def test_a_password_that_no_netrc_can_hold_stops_the_hub(secret, password):
    (secret / "password").write_text(password)
    with pytest.raises(
        ConfigurationError, match=r"directory: .* has no password, or one"
    ) as raised:
        make(secret).check()
    assert not password or password not in str(raised.value)


async def test_a_service_that_is_down_is_told_as_late(secret):
    async def greet(_reader, writer):
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    ftp = make(secret, port=server.sockets[0].getsockname()[1])
    assert "ftp.netrc" in (await ftp.issue(LOGIN, None)).files
    server.close()
    with pytest.raises(CredentialUnavailable, match=r"127\.0\.0\.1:\d+ can't be reached: "):
        await ftp.issue(LOGIN, None)


@pytest.mark.parametrize(
    ("settings", "audience"),
    [
        ({"port": 21}, "127.0.0.1"),
        ({"port": 2121}, "127.0.0.1:2121"),
        ({"port": 2121, "audience": "ftps://ftp.example.org"}, "ftps://ftp.example.org"),
    ],
)
def test_the_audience_says_where_to_connect(secret, settings, audience):
    assert make(secret, **settings).audience == audience

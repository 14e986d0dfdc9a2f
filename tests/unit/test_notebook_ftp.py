"""A connection to the gateway's FTP server: where it leads, and who logs in."""

import ftplib
import socket
import threading
from contextlib import suppress

import pytest

from jhub_gateway.notebook import CredentialEnded, UnknownCredential, open_ftp
from jhub_gateway.notebook.troubles import find_sentence
from tests.unit.credential_files import PlainFiles, make_ended_files, make_entry, make_health

PASSWORD = "secret"


class Greeter(threading.Thread):
    """Takes one connection and one account, and keeps the commands that it got."""

    def __init__(self, account: tuple[str, str]) -> None:
        super().__init__(daemon=True)
        self._account = account
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.commands: list[str] = []
        self.start()

    def run(self) -> None:
        with suppress(OSError), self._socket.accept()[0] as client, client.makefile("rw") as lines:
            self._say(lines, "220 Here")
            for line in lines:
                self.commands.append(line.strip())
                self._say(lines, self._answer(line.strip()))

    def stop(self) -> None:
        self._socket.close()

    def _answer(self, line: str) -> str:
        if line.startswith("USER"):
            return "331 And?"
        if line.startswith("PASS"):
            return "230 In" if self.commands == self._expected else "530 Login incorrect."
        return "221 Bye" if line == "QUIT" else "500 Unknown"

    @property
    def _expected(self) -> list[str]:
        user, password = self._account
        return [f"USER {user}", f"PASS {password}"]

    @staticmethod
    def _say(lines, text: str) -> None:
        lines.write(f"{text}\r\n")
        lines.flush()


@pytest.fixture
def files(tmp_path, monkeypatch):
    made = PlainFiles(tmp_path / "credentials")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    return made


@pytest.fixture
def server():
    greeter = Greeter(("ada", PASSWORD))
    yield greeter
    greeter.stop()


def write(files, audience, password=PASSWORD):
    entry = make_entry("ftp", audience=audience, files=["ftp.username", "ftp.password"])
    texts = {"ftp.username": "ada\n", "ftp.password": f"{password}\n"}
    files.write({**texts, "credentials.json": make_health(entry)})


@pytest.mark.parametrize("audience", ["127.0.0.1:{}", "ftp://127.0.0.1:{}", "ftp://127.0.0.1:{}/"])
def test_it_is_logged_in_where_the_audience_says(files, server, audience):
    write(files, audience.format(server.port))
    with open_ftp() as ftp:
        assert (ftp.host, ftp.port) == ("127.0.0.1", server.port)
    assert server.commands == ["USER ada", "PASS secret", "QUIT"]


def test_tls_is_asked_for_before_anything_is_told(files, server):
    write(files, f"ftps://127.0.0.1:{server.port}")
    with pytest.raises(ftplib.error_perm):
        open_ftp()
    assert [line.partition(" ")[0] for line in server.commands] == ["AUTH"]


def test_a_wrong_password_is_refused_and_the_connection_closed(files, server):
    write(files, f"127.0.0.1:{server.port}", password="wrong")
    with pytest.raises(ftplib.error_perm, match="530"):
        open_ftp()
    server.join(10)
    assert not server.is_alive()


def test_a_server_that_is_down_is_named(files):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        write(files, f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConnectionError) as failure:
            open_ftp()
    assert find_sentence(failure.value).startswith("127.0.0.1 does not answer")


def test_without_the_credential_nothing_is_connected(files):
    files.write(make_ended_files())
    with pytest.raises(UnknownCredential):
        open_ftp()
    with pytest.raises(CredentialEnded):
        open_ftp("login")

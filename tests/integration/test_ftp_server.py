"""The FTP server of the tests: accounts with folders of their own, and nobody else."""

import ftplib
import io

import pytest

from tests.fixtures.ftp_server import FtpServer


@pytest.fixture
def server(make_ftp_server, tmp_path) -> FtpServer:
    made = make_ftp_server()
    made.add_account("ada", "moon", tmp_path / "ada")
    made.add_account("grace", "stars", tmp_path / "grace")
    return made


def connect(server: FtpServer, name: str, password: str) -> ftplib.FTP:
    ftp = ftplib.FTP(timeout=10)
    ftp.connect(server.host, server.port)
    ftp.login(name, password)
    return ftp


def test_what_one_account_stores_it_reads_and_no_other_sees(server, tmp_path):
    with connect(server, "ada", "moon") as ftp:
        ftp.storbinary("STOR data.csv", io.BytesIO(b"1,2"))
        read = io.BytesIO()
        ftp.retrbinary("RETR /data.csv", read.write)
    assert read.getvalue() == b"1,2"
    assert (tmp_path / "ada/data.csv").read_bytes() == b"1,2"
    with connect(server, "grace", "stars") as ftp:
        assert ftp.nlst() == []
        with pytest.raises(ftplib.error_perm):
            ftp.retrbinary("RETR ../ada/data.csv", read.write)


@pytest.mark.parametrize(
    "account", [("ada", "stars"), ("ada", ""), ("anonymous", "a@b"), ("x", "")]
)
def test_a_wrong_password_is_refused(server, account):
    with pytest.raises(ftplib.error_perm, match="530"):
        connect(server, *account)


def test_a_stopped_server_takes_nobody(server):
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(server, "ada", "moon")

"""Whether a notebook has the credentials that it wants, told in a sentence."""

import pytest

from jhub_gateway.notebook import CredentialsUnreadable, look_for
from tests.unit.credential_files import PlainFiles, make_ended_files, make_files


@pytest.fixture
def files(tmp_path, monkeypatch):
    made = PlainFiles(tmp_path / "credentials")
    monkeypatch.setenv("JHUB_GATEWAY_CREDENTIALS", str(made.directory))
    return made


def test_what_is_there_is_named(files):
    files.write(make_files())
    offer = look_for("ftp", "login")
    assert offer
    assert repr(offer) == "The gateway's credentials are here: ftp, login."


def test_what_is_missing_is_named(files):
    files.write(make_files())
    offer = look_for("tes", "ftp", "wes")
    assert not offer
    assert offer.missing == ("tes", "wes")
    assert "no credential tes and no wes. The notebook runs without" in repr(offer)


def test_elsewhere_there_is_no_gateway(files):
    offer = look_for("tes")
    assert not offer
    assert repr(offer).startswith("This is no server of a gateway")


def test_one_that_has_ended_is_there_and_says_so_when_it_is_used(files):
    files.write(make_ended_files())
    assert look_for("login")


def test_what_cannot_be_read_is_no_absence(files):
    files.write({"credentials.json": "{"})
    with pytest.raises(CredentialsUnreadable):
        look_for("tes")

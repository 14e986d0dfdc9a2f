"""Homes on one machine: inside the data directory, private, and never a symbolic link."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.errors import ConfigurationError, StartRefused
from jhub_gateway.local.homes import (
    find_home,
    is_open_to_others,
    make_data_directory,
    make_home,
)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_every_home_is_directly_below_homes(identity: str) -> None:
    assert find_home("/data", identity).parent == Path("/data/homes")


def test_all_directories_are_private(tmp_path: Path) -> None:
    home = make_home(str(tmp_path / "data"), "ada")
    assert home == tmp_path / "data" / "homes" / "ada"
    assert [mode_of(path) for path in (home, home.parent, home.parent.parent)] == [0o700] * 3


def test_a_relative_data_directory_is_below_where_the_hub_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_home("gateway-data", "ada") == tmp_path / "gateway-data/homes/ada"


def test_a_home_keeps_its_files(tmp_path: Path) -> None:
    (make_home(str(tmp_path), "ada") / "file").write_text("mine")
    assert (make_home(str(tmp_path), "ada") / "file").read_text() == "mine"


@pytest.mark.parametrize("target", ["elsewhere", "data/homes/grace"])
def test_a_symbolic_link_is_refused(tmp_path: Path, target: str) -> None:
    data = tmp_path / "data"
    make_home(str(data), "grace")
    (tmp_path / "elsewhere").mkdir()
    (data / "homes" / "ada").symlink_to(tmp_path / target)
    with pytest.raises(StartRefused, match="can't be opened safely") as refusal:
        make_home(str(data), "ada")
    assert str(tmp_path) not in str(refusal.value)
    assert refusal.value.cause == f"{data}/homes/ada: is a symbolic link"


@pytest.mark.parametrize("kind", ["dangling link", "file"])
def test_what_is_no_directory_is_refused(tmp_path: Path, kind: str) -> None:
    home = make_home(str(tmp_path), "ada")
    home.rmdir()
    if kind == "file":
        home.touch()
    else:
        home.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StartRefused):
        make_home(str(tmp_path), "ada")


def test_homes_itself_may_be_no_link(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (data / "homes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartRefused):
        make_home(str(data), "ada")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_the_data_directory_may_be_a_link_to_a_large_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert make_home(str(tmp_path / "data"), "ada") == tmp_path / "disk/homes/ada"


@pytest.mark.parametrize(
    ("mode", "is_open"),
    [(0o700, False), (0o500, False), (0o710, True), (0o705, True), (0o702, True)],
)
def test_a_data_directory_that_other_accounts_may_use(
    tmp_path: Path, mode: int, is_open: bool
) -> None:
    tmp_path.chmod(mode)
    assert is_open_to_others(tmp_path) is is_open


def test_a_data_directory_that_is_a_file_stops_the_hub(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(ConfigurationError, match=r"data_directory: .*File exists"):
        make_data_directory(str(tmp_path / "data"))

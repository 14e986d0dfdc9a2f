"""The directory that stands for the share on one machine."""

from pathlib import Path

import pytest

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.data_directory import is_open_to_others, prepare_data_directory
from jhub_gateway.models import Owner
from jhub_gateway.policy.layout import MARKER
from jhub_gateway.storage.homes import prepare_home


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_private_and_has_the_layout(tmp_path: Path) -> None:
    data = tmp_path / "below" / "data"
    prepare_data_directory(data)
    assert mode_of(data) == 0o700
    assert {"homes", "groups", "datasets", "tutorials", MARKER} <= {
        path.name for path in data.iterdir()
    }


def test_a_home_keeps_its_files_when_the_hub_starts_again(tmp_path: Path) -> None:
    prepare_data_directory(tmp_path)
    prepare_home(tmp_path, Owner("ada"))
    (tmp_path / "homes/ada/file").write_text("mine")
    tmp_path.chmod(0o750)
    prepare_data_directory(tmp_path)
    assert (tmp_path / "homes/ada/file").read_text() == "mine"
    assert mode_of(tmp_path) == 0o750  # the operator's business


def test_the_data_directory_may_be_a_link_to_a_large_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    prepare_data_directory(tmp_path / "data")
    assert (tmp_path / "disk" / MARKER).exists()


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
        prepare_data_directory(tmp_path / "data")


def test_an_older_layout_is_not_changed_unasked(tmp_path: Path) -> None:
    (tmp_path / "homes/ada").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"has layout 1.*storage init --dry-run"):
        prepare_data_directory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["homes"]


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ConfigurationError, match="'photos'"):
        prepare_data_directory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]

"""How full the home is, as the user's server answers its JupyterLab."""

import json
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from jhub_gateway.notebook import space as space_module
from jhub_gateway.notebook.space import read_space

NOW = datetime(2026, 11, 21, 16, 5, tzinfo=UTC)
HOUR_AGO = "2026-11-21T15:05:00Z"
GB = 1024**3


@pytest.fixture
def environ(tmp_path):
    """The environment of a server whose home has a quota and was measured an hour ago."""
    write_usage(tmp_path, used=4 * GB, measured_at=HOUR_AGO, limit=None)
    return {
        "HOME": str(tmp_path),
        "JHUB_GATEWAY_USAGE": str(tmp_path),
        "JHUB_GATEWAY_HOME_QUOTA": str(20 * GB),
    }


def write_usage(directory, **record):
    (directory / "usage.json").write_text(json.dumps(record))


def set_file_system(monkeypatch, total, free, block=4096):
    answer = SimpleNamespace(f_blocks=total // block, f_bavail=free // block, f_frsize=block)
    monkeypatch.setattr(space_module.os, "statvfs", lambda _: answer)


def test_what_was_measured_is_told_with_its_time(environ):
    space = read_space(environ, NOW)
    assert (space.used, space.quota, space.measured_at) == (4 * GB, 20 * GB, HOUR_AGO)
    assert not space.full
    assert not space.rescue
    answer = os.statvfs(environ["HOME"])
    assert space.free == pytest.approx(answer.f_bavail * answer.f_frsize, abs=GB)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{}",
        "[]",
        "null",
        "\x00",
        '{"used": "many", "measured_at": "2026-11-21T15:05:00Z", "limit": null}',
        '{"used": 1, "measured_at": "yesterday", "limit": null}',
    ],
)
def test_a_missing_or_broken_record_is_unknown(environ, tmp_path, text):
    (tmp_path / "usage.json").unlink()
    if text is not None:
        (tmp_path / "usage.json").write_text(text)
    space = read_space(environ, NOW)
    assert (space.used, space.measured_at, space.quota) == (None, None, 20 * GB)


def test_an_old_record_is_not_shown_as_today(environ):
    assert read_space(environ, NOW + timedelta(days=6)).used == 4 * GB
    assert read_space(environ, NOW + timedelta(days=8)).used is None


def test_without_any_variable_everything_but_the_disk_is_unknown(tmp_path):
    space = read_space({"HOME": str(tmp_path)}, NOW)
    assert (space.used, space.quota, space.measured_at, space.rescue) == (None, None, None, False)
    assert space.free


def test_a_quota_of_the_kernel_is_read_live(environ, tmp_path, monkeypatch):
    write_usage(tmp_path, used=4 * GB, measured_at=HOUR_AGO, limit=25 * GB)
    set_file_system(monkeypatch, total=25 * GB, free=16 * GB)
    space = read_space({**environ, "JHUB_GATEWAY_HOME_QUOTA": ""}, NOW)
    assert (space.used, space.quota) == (9 * GB, 25 * GB)
    assert space.measured_at == "2026-11-21T16:05:00Z"


def test_the_smaller_of_two_quotas_holds(environ, tmp_path):
    for limit, quota in ((25 * GB, 20 * GB), (15 * GB, 15 * GB)):
        write_usage(tmp_path, used=4 * GB, measured_at=HOUR_AGO, limit=limit)
        assert read_space(environ, NOW).quota == quota


def test_a_quota_that_the_file_system_does_not_show_leaves_what_was_measured(
    environ, tmp_path, monkeypatch
):
    write_usage(tmp_path, used=4 * GB, measured_at=HOUR_AGO, limit=25 * GB)
    set_file_system(monkeypatch, total=9000 * GB, free=1000 * GB)
    assert read_space(environ, NOW).used == 4 * GB


@pytest.mark.parametrize(("free", "full"), [(0, True), (4096, True), (GB, False)])
def test_a_file_system_without_room_is_full(environ, monkeypatch, free, full):
    set_file_system(monkeypatch, total=9000 * GB, free=free)
    assert (read_space(environ, NOW).free, read_space(environ, NOW).full) == (free, full)


def test_a_file_system_that_tells_no_size_is_not_full(environ, monkeypatch):
    set_file_system(monkeypatch, total=0, free=0)
    space = read_space(environ, NOW)
    assert (space.free, space.full) == (None, False)


def test_rescue_mode_is_told(environ):
    assert read_space({**environ, "JHUB_GATEWAY_RESCUE": "1"}, NOW).rescue
    assert not read_space({**environ, "JHUB_GATEWAY_RESCUE": "0"}, NOW).rescue

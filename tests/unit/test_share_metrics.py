"""What the share takes in all: summed up by the measure, read by the hub, told to Prometheus."""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jhub_gateway.models import PlacesUsage, ShareUsage, Usage
from jhub_gateway.share_metrics import SHARE_REPORTS, ShareReports
from jhub_gateway.share_reports import keep_reporting
from jhub_gateway.storage.share_usage import read_share_usage, sum_up, write_share_usage
from jhub_gateway.storage.usage import measure_share

NOON, ONE = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 11, 30, 13, tzinfo=UTC)
SHARE = ShareUsage(ONE, 1000, 400, PlacesUsage(3, 1, 500, 2, NOON), PlacesUsage())


@pytest.fixture
def share(tmp_path):
    for folder in ("homes/ada", "homes/bob", "usage/homes", "datasets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "homes/ada/notes").write_bytes(b"x" * 100_000)
    return tmp_path


def collect(reports: ShareReports) -> dict[str, dict[str, float]]:
    return {
        family.name.removeprefix("jhub_gateway_share_"): {
            sample.labels.get("kind", ""): sample.value for sample in family.samples
        }
        for family in reports.collect()
    }


def test_homes_are_summed_up_with_those_that_are_full_or_unmeasured():
    usages = [Usage(100, ONE), None, Usage(50, NOON, limit=50), Usage(7, ONE, limit=50)]
    assert sum_up(usages) == PlacesUsage(3, 1, 157, 1, NOON)
    assert sum_up([]) == PlacesUsage()


def test_a_measure_leaves_the_sums_and_what_is_free(share):
    measured = measure_share(share, 0)
    found = read_share_usage(share / "usage")
    assert found.homes.count == 2
    assert found.homes.used == sum(one.usage.used for one in measured)
    assert found.homes.oldest_at == min(one.usage.measured_at for one in measured)
    assert found.datasets == PlacesUsage()
    assert found.size == os.statvfs(share).f_blocks * os.statvfs(share).f_frsize
    assert 0 <= found.free <= found.size


def test_homes_that_no_time_was_left_for_are_counted_as_unmeasured(share):
    measure_share(share, 0, budget=0)
    assert read_share_usage(share / "usage").homes == PlacesUsage(unmeasured=2)


def test_sums_that_cannot_be_written_cost_no_single_figure(share, caplog):
    (share / "usage/share.json").mkdir()
    assert [one.problem for one in measure_share(share, 0)] == ["", ""]
    assert "What the share takes in all is not written" in caplog.text


def test_what_is_written_is_read_again(share):
    write_share_usage(share, SHARE.homes, SHARE.datasets)
    found = read_share_usage(share / "usage")
    assert (found.homes, found.datasets) == (SHARE.homes, SHARE.datasets)
    assert (share / "usage/share.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "text", ["", "{}", "[" * 10**5, "[]", '{"measured_at": "2026-11-30T12:00:00"}']
)
def test_what_is_no_record_is_as_good_as_none(share, text):
    (share / "usage/share.json").write_text(text)
    assert read_share_usage(share / "usage") is None


def test_each_figure_is_told_with_its_kind():
    reports = ShareReports()
    assert collect(reports) == {}
    reports.note(SHARE)
    assert collect(reports) == {
        "size_bytes": {"": 1000},
        "free_bytes": {"": 400},
        "measured_timestamp_seconds": {"": ONE.timestamp()},
        "used_bytes": {"homes": 500},
        "directories": {"homes": 3},
        "unmeasured_directories": {"homes": 1},
        "full_directories": {"homes": 2},
        "oldest_measure_timestamp_seconds": {"homes": NOON.timestamp()},
    }
    reports.note(replace(SHARE, datasets=PlacesUsage(1, 0, 9, 0, ONE)))
    assert collect(reports)["used_bytes"] == {"homes": 500, "datasets": 9}


async def test_a_hub_reads_what_is_measured_while_it_runs(share):
    task = asyncio.create_task(keep_reporting(share / "usage", every=0.01))
    try:
        async with asyncio.timeout(10):
            while "size_bytes" in collect(SHARE_REPORTS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            measure_share(share, 0)
            while collect(SHARE_REPORTS).get("directories") != {"homes": 2}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        SHARE_REPORTS.note(None)


def test_no_user_is_named(share):
    measure_share(share, 0)
    record = (share / "usage/share.json").read_text()
    assert "ada" not in record
    assert json.loads(record)["homes"]["count"] == 2

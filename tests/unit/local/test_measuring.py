"""Homes are measured beside a hub on one machine, without holding it up."""

import asyncio
import json
import logging
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jhub_gateway.local.measuring import keep_measuring, measure
from jhub_gateway.models import Owner
from jhub_gateway.storage.homes import prepare_home
from jhub_gateway.storage.layout import init_share

log = logging.getLogger("test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_share(tmp_path)
    prepare_home(tmp_path, Owner("ada"))
    (tmp_path / "homes/ada/file").write_bytes(b"x" * 100_000)
    return tmp_path


def read_record(root: Path) -> dict | None:
    path = root / "usage/homes/ada/usage.json"
    return json.loads(path.read_text()) if path.exists() else None


async def test_a_home_is_measured_once_and_again_when_it_is_due(root: Path, caplog) -> None:
    await measure(root, log)
    first = read_record(root)
    assert first["used"] > 100_000
    (root / "homes/ada/more").write_bytes(b"x" * 100_000)
    await measure(root, log)
    assert read_record(root) == first  # not due
    await measure(root, log, max_age=0)
    assert read_record(root)["used"] > 200_000
    assert not caplog.records


async def test_the_hub_answers_meanwhile(root: Path) -> None:
    task = asyncio.create_task(measure(root, log))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5


async def test_what_went_wrong_is_in_the_log_and_the_next_round_comes(
    tmp_path: Path, caplog
) -> None:
    (tmp_path / "homes").write_text("no directory")
    task = asyncio.create_task(keep_measuring(tmp_path, log, every=0.01))
    try:
        async with asyncio.timeout(20):
            while len(caplog.records) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not task.done()
    finally:
        await end(task)
    assert {record.getMessage() for record in caplog.records} == {
        "Homes could not be measured: see above"
    }


async def test_a_process_that_cannot_be_made_ends_no_later_round(
    root: Path, monkeypatch, caplog
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(root / "missing"))
        patch.setenv("PATH", str(root / "missing"))
        task = asyncio.create_task(keep_measuring(root, log, every=0.01))
        await asyncio.sleep(0.1)
    try:
        async with asyncio.timeout(20):
            while read_record(root) is None and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not task.done()
    finally:
        await end(task)
    assert "could not be measured" in caplog.text


async def test_a_hub_that_stops_leaves_no_process(root: Path) -> None:
    task = asyncio.create_task(measure(root, log))
    await asyncio.sleep(0.05)
    begin = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begin < 2
    assert not is_in_a_command(str(root))


def is_in_a_command(text: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if text in path.read_text(errors="replace"):
                return True
    return False


async def end(task: asyncio.Task) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await task

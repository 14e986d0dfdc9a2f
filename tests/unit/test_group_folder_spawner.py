"""Shared folders of a server that runs on while its owner leaves a group."""

import logging
from pathlib import Path

import pytest
from traitlets import TraitError

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import GroupFolder
from tests.unit.data_servers import make_server, set_groups
from tests.unit.local.servers import make_spawner

FOLDERS = [
    {"group": "/x", "folder": "genes", "access": "read-write"},
    {"group": "/readers", "folder": "genes"},
    {"group": "/y", "folder": "maps"},
]
GENES = GroupFolder("/x", "genes", read_only=False)


def make_running(*groups: str, **traits):
    server = make_server(*groups, group_folders=FOLDERS, **traits)
    server.take_folders()
    return server


def make_restarted(server, *groups: str):
    """Return the spawner that a new hub makes for the running server."""
    other = make_server(
        *groups, group_folders=FOLDERS, stop_on_group_removal=server.stop_on_group_removal
    )
    other.load_state(server.get_state())
    return other


def test_who_is_in_a_group_is_decided_at_the_start():
    server = make_running("/x")
    set_groups(server, "/y")
    assert server.mounted_folders == (GENES,)
    server.take_folders()
    assert [folder.folder for folder in server.mounted_folders] == ["maps"]


@pytest.mark.parametrize("group", ["x", "/X", "/x/", "/x/genes", "genes"])
def test_a_group_of_a_similar_name_gives_nothing(group):
    assert make_running(group).mounted_folders == ()


def test_the_folders_are_known_to_a_hub_that_restarts():
    assert make_restarted(make_running("/x", "/y")).mounted_folders == (
        GENES,
        GroupFolder("/y", "maps"),
    )


def test_nothing_is_remembered_of_a_server_that_stopped():
    server = make_running("/x")
    server.clear_state()
    assert "group_folders" not in server.get_state()
    assert make_restarted(server).mounted_folders == ()


def test_state_of_before_there_were_folders_is_read():
    server = make_running("/x")
    server.load_state({"pid": 7})
    assert server.mounted_folders == ()


@pytest.mark.parametrize(
    ("groups", "is_stopped"),
    [
        ([], True),
        (["x"], True),
        (["/y"], True),
        (["/x"], False),
        (["/readers"], True),  # what can be written may only be read now
        (["/x", "/readers"], False),
    ],
)
async def test_a_server_with_a_lost_folder_is_stopped_where_the_operator_said_so(
    groups, is_stopped
):
    server = make_restarted(make_running("/x", stop_on_group_removal=True), *groups)
    assert (await server.poll() is not None) == is_stopped
    assert server.is_running != is_stopped
    assert server.stops == is_stopped


async def test_a_folder_that_another_group_gives_still_is_not_lost():
    server = make_running("/readers", stop_on_group_removal=True)
    set_groups(server, "/x")
    assert await server.poll() is None


async def test_a_server_that_keeps_a_lost_folder_is_told_of_once(caplog):
    server = make_running("/x")
    server.log = logging.getLogger("test")
    set_groups(server)
    for _ in range(3):
        assert await server.poll() is None
    (record,) = caplog.records
    assert "genes (group /x); it keeps them until it stops" in record.getMessage()
    assert server.stops == 0


async def test_a_server_that_does_not_run_is_not_stopped_again():
    server = make_running("/x", stop_on_group_removal=True)
    set_groups(server)
    server.is_running = False
    assert await server.poll() == 1
    assert server.stops == 0


async def test_a_process_with_a_lost_folder_ends(tmp_path: Path):
    """JupyterHub's own stop looks whether the server runs, again and again."""
    spawner = make_spawner(
        tmp_path,
        code="import time; time.sleep(60)",
        group_folders=FOLDERS,
        stop_on_group_removal=True,
    )
    set_groups(spawner, "/x")
    await spawner.start()
    try:
        assert await spawner.poll() is None
        set_groups(spawner)
        assert await spawner.poll() is not None
    finally:
        set_groups(spawner, "/x")
        await spawner.stop(now=True)


def test_a_wrong_setting_is_refused_as_it_is_set():
    with pytest.raises((ConfigurationError, TraitError), match=r"'\.\./b'"):
        make_server(group_folders=[{"group": "a", "folder": "../b"}])

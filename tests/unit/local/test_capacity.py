"""What the hub's own machine has room for."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub import orm

from jhub_gateway.local import server as local_server
from jhub_gateway.local.machine_capacity import MachineCapacity
from jhub_gateway.local.machine_memory import read_machine_memory
from jhub_gateway.policy.capacity import HUB_MEMORY, Capacity
from jhub_gateway.policy.estimates import RecentStarts
from jhub_gateway.policy.profiles import parse_profiles
from tests.unit.local.servers import LARGE, SMALL, make_spawner

MIB = 1024**2
HUGE = {"slug": "huge", "display_name": "Huge", "memory": "1T"}


def make_server(profile="", active=True, guarantee=None):
    return SimpleNamespace(profile=profile, active=active, mem_guarantee=guarantee)


def find(*servers):
    users = {1: SimpleNamespace(spawners=dict(enumerate(servers)))}
    profiles = parse_profiles([SMALL, LARGE, HUGE])
    app = SimpleNamespace(users=users)
    return dict(MachineCapacity(app, profiles, HUB_MEMORY + 1536 * MIB).find())


@pytest.mark.parametrize(
    ("servers", "small", "large"),
    [
        ([], Capacity("free", 6), Capacity("free", 1)),
        ([make_server("small")] * 2, Capacity("free", 4), Capacity("free", 1)),
        ([make_server("large")], Capacity("free", 2), Capacity("full")),
        ([make_server("large")] * 2, Capacity("full"), Capacity("full")),
        # One that is stopped has nothing, and one of no profile what the hub's settings reserve.
        ([make_server("large", active=False)], Capacity("free", 6), Capacity("free", 1)),
        ([make_server(guarantee=1024 * MIB)], Capacity("free", 2), Capacity("full")),
        ([make_server("gone")], Capacity("free", 6), Capacity("free", 1)),
    ],
)
def test_servers_have_the_machines_memory_less_what_is_reserved(servers, small, large):
    assert find(*servers) == {"small": small, "large": large, "huge": Capacity("never")}


def make_proc(tmp_path: Path, groups: str, kind: str, options: str) -> Path:
    (tmp_path / "cgroup").write_text(groups)
    mount = f"30 20 0:26 / {tmp_path}/mount rw - {kind} {kind} {options}\n"
    (tmp_path / "mountinfo").write_text(mount)
    return tmp_path


def test_the_machine_has_no_more_than_a_control_group_gives(tmp_path):
    everything = read_machine_memory(tmp_path)
    assert everything > 256 * MIB
    proc = make_proc(tmp_path, "0::/pod/hub\n", "cgroup2", "rw")
    group = tmp_path / "mount/pod/hub"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert read_machine_memory(proc) == everything
    (group.parent / "memory.max").write_text(f"{256 * MIB}\n")
    assert read_machine_memory(proc) == 256 * MIB


def test_a_control_group_of_version_1_limits_too(tmp_path):
    proc = make_proc(tmp_path, "4:memory:/hub\n", "cgroup", "rw,memory")
    group = tmp_path / "mount/hub"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    everything = read_machine_memory(proc)
    (group / "memory.limit_in_bytes").write_text(f"{128 * MIB}\n")
    assert read_machine_memory(proc) == 128 * MIB < everything


async def test_a_start_is_timed_until_its_server_answers(tmp_path, monkeypatch):
    starts = RecentStarts(fewest=1)
    monkeypatch.setattr(local_server, "recent_starts", starts)
    spawner = make_spawner(tmp_path, code="import time; time.sleep(60)")
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    spawner.orm_spawner.server = orm.Server(
        proto="http", ip="127.0.0.1", port=port, base_url="/", cookie_name=""
    )
    # A hub that restarts finds a server, and times nothing.
    spawner.start_polling()
    assert spawner._noting is None
    await spawner.start()
    spawner.start_polling()
    await asyncio.wait_for(spawner._noting, 5)
    assert starts.find_middle("small") > 0
    spawner.stop_polling()
    await spawner.stop(now=True)
    listening.close()


def test_a_hub_that_was_not_prepared_knows_nothing_of_room(tmp_path):
    spawner = make_spawner(tmp_path)
    assert [entry.get("room") for entry in spawner.make_form_entries()] == [None]


def test_the_form_has_the_room_of_each_profile(tmp_path, monkeypatch):
    spawner = make_spawner(tmp_path)
    machine = SimpleNamespace(find=lambda: {"small": Capacity("free", 2)})
    monkeypatch.setattr(local_server, "recent_starts", RecentStarts())
    monkeypatch.setattr(type(spawner), "_machine", machine)
    (entry,) = spawner.make_form_entries()
    assert (entry["room"].state, entry["room"].words) == ("free", "Free now")

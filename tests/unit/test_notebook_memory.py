"""What a server says of its memory: programs that were killed, and runs that ended unexpectedly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jhub_gateway.notebook import memory_use, server_memory
from jhub_gateway.notebook.memory import MemoryWatch, read_memory
from jhub_gateway.notebook.memory_group import MemoryGroup, find_memory_group
from jhub_gateway.notebook.run_mark import NAME, RunMark
from tests.unit.notebook_server import run_notebook_server

LIMIT = 512 * 1024**2
V1 = {
    "memory.limit_in_bytes": f"{LIMIT}\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "memory.stat": "cache 9\nrss 1\ntotal_cache 9\ntotal_rss 4096\n",
}
V2 = {
    "memory.max": f"{LIMIT}\n",
    "memory.events": "low 0\nmax 3\noom 1\noom_kill 0\n",
    "memory.stat": "anon 4096\nfile 9\n",
}


def make_group(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)


def find(tmp_path: Path, own: str) -> MemoryGroup | None:
    (tmp_path / "own").write_text(own)
    return find_memory_group(LIMIT, tmp_path / "own", tmp_path / "cgroup")


@pytest.mark.parametrize(
    ("place", "files", "own"),
    [
        # In a container: its group is the root that it sees.
        ("", V2, "0::/\n"),
        ("memory", V1, "4:memory:/kubepods/pod1/c1\n0::/\n"),
        # On one machine
        ("hub/server-1", V2, "0::/hub/server-1\n"),
        ("memory/hub/server-1", V1, "5:cpu:/\n4:memory:/hub/server-1\n"),
    ],
)
def test_the_group_with_the_servers_own_limit_is_found(tmp_path, place, files, own):
    make_group(tmp_path / "cgroup" / place, files)
    group = find(tmp_path, own)
    assert (group.count_kills(), group.measure()) == (0, 4096)


def test_a_group_with_another_limit_is_somebody_elses(tmp_path):
    make_group(tmp_path / "cgroup", {**V2, "memory.max": "max\n"})
    assert find(tmp_path, "0::/\n") is None
    make_group(tmp_path / "cgroup", {**V2, "memory.max": f"{2 * LIMIT}\n"})
    assert find(tmp_path, "0::/\n") is None


def test_each_kill_is_told_once_and_those_before_the_start_never(tmp_path):
    events = {**V2, "memory.events": "oom_kill 2\n"}
    make_group(tmp_path / "cgroup", events)
    watch = MemoryWatch(LIMIT, find(tmp_path, "0::/\n"))
    watch.look()
    assert watch.event is None
    make_group(tmp_path / "cgroup", {"memory.events": "oom_kill 3\n"})
    watch.look()
    event = watch.event
    assert (event["kind"], event["out_of_memory"]) == ("killed", True)
    watch.look()
    assert watch.event is event


@pytest.mark.parametrize(
    ("place", "files", "own", "name", "idle"),
    [
        ("", V2, "0::/\n", "memory.current", "inactive_file"),
        ("memory", V1, "4:memory:/\n", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_the_peak_is_the_most_that_was_needed_at_any_look(tmp_path, place, files, own, name, idle):
    directory = tmp_path / "cgroup" / place

    def use(used: int, spare: int) -> None:
        stat = files["memory.stat"] + f"{idle} {spare}\n"
        make_group(directory, {**files, "memory.stat": stat, name: f"{used}\n"})

    use(5000, 1000)
    watch = MemoryWatch(LIMIT, find(tmp_path, own))
    assert watch.peak == 4000
    use(99000, 90000)  # Files that were read, and that nobody needs any more.
    watch.look()
    assert watch.peak == 9000
    use(4000, 4096)
    watch.look()
    assert watch.peak == 9000


def test_who_lost_a_program_for_want_of_memory_used_all_of_it(tmp_path):
    make_group(tmp_path / "cgroup", {**V2, "memory.current": "5000\n"})
    watch = MemoryWatch(LIMIT, find(tmp_path, "0::/\n"))
    make_group(tmp_path / "cgroup", {"memory.events": "oom_kill 1\n"})
    watch.look()
    assert watch.peak == LIMIT


def test_where_it_cannot_be_told_there_is_no_peak(tmp_path):
    make_group(tmp_path / "cgroup", V2)
    for group in (None, find(tmp_path, "0::/\n")):
        watch = MemoryWatch(LIMIT, group)
        watch.look()
        assert watch.peak is None


def leave_mark(directory: Path, used: int | None) -> None:
    """As a server does whose process is killed."""
    code = (
        "import sys; from pathlib import Path; from jhub_gateway.notebook.run_mark import RunMark;"
        "RunMark(Path(sys.argv[1])).write(eval(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, directory, str(used)], check=True)


@pytest.mark.parametrize(
    ("used", "is_out_of_memory"), [(LIMIT - 1000, True), (LIMIT // 2, False), (None, False)]
)
def test_an_unexpected_end_is_put_down_to_memory_only_near_the_limit(
    tmp_path, used, is_out_of_memory
):
    leave_mark(tmp_path, used)
    watch = MemoryWatch(LIMIT, None, RunMark(tmp_path))
    assert watch.event["kind"] == "restarted"
    assert watch.event["out_of_memory"] is is_out_of_memory


def test_a_server_that_ended_as_it_should_leaves_nothing_to_tell(tmp_path):
    watch = MemoryWatch(LIMIT, None, RunMark(tmp_path))
    assert watch.event is None
    assert (tmp_path / NAME).exists()
    watch.end()
    assert MemoryWatch(LIMIT, None, RunMark(tmp_path)).event is None


def test_a_second_server_beside_the_first_leaves_its_note_alone(tmp_path):
    MemoryWatch(LIMIT, None, RunMark(tmp_path))
    code = (
        "import sys; from pathlib import Path; from jhub_gateway.notebook.run_mark import RunMark;"
        "from jhub_gateway.notebook.memory import MemoryWatch;"
        "watch = MemoryWatch(1, None, RunMark(Path(sys.argv[1]))); print(watch.event); watch.end()"
    )
    second = [sys.executable, "-c", code, tmp_path]
    assert subprocess.check_output(second, text=True).strip() == "None"
    assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


def test_a_note_that_cannot_be_read_is_no_run(tmp_path):
    (tmp_path / NAME).write_text("{")
    assert MemoryWatch(LIMIT, None, RunMark(tmp_path)).event is None


def test_the_larger_size_is_what_the_hub_named():
    larger = {"name": "Large", "memory": "1 GB", "url": "/hub/gateway/restart/ada?profile=large"}
    watch = MemoryWatch(LIMIT)
    assert read_memory(watch, {"JHUB_GATEWAY_LARGER": json.dumps(larger)})["larger"] == larger
    for wrong in ("", "[]", "{}", "null", "{"):
        assert read_memory(watch, {"JHUB_GATEWAY_LARGER": wrong})["larger"] is None
    assert read_memory(watch, {}) == {"event": None, "limit": LIMIT, "larger": None}


def test_a_server_that_was_killed_tells_of_it_after_its_restart(tmp_path):
    variables = {"JHUB_GATEWAY_USAGE": str(tmp_path), "MEM_LIMIT": str(LIMIT)}
    with run_notebook_server(tmp_path, **variables) as server:
        assert json.loads(server.get("jhub-gateway/memory"))["event"] is None
    for stale in (tmp_path / "runtime").glob("jpserver-*.json"):
        stale.unlink()
    with run_notebook_server(tmp_path, **variables) as server:
        memory = json.loads(server.get("jhub-gateway/memory"))
    assert memory["limit"] == LIMIT
    assert memory["event"]["kind"] == "restarted"
    assert memory["event"]["out_of_memory"] is False


def test_the_user_is_told_what_the_server_uses(monkeypatch, tmp_path):
    make_group(tmp_path, {**V2, "memory.stat": f"anon {LIMIT // 4}\nfile {LIMIT}\n"})
    group = MemoryGroup(LIMIT, tmp_path / "memory.events", tmp_path / "memory.stat")
    monkeypatch.setattr(memory_use, "find_memory_group", {LIMIT: group}.get)
    memory = server_memory({"MEM_LIMIT": str(LIMIT)})
    assert memory == (LIMIT // 4, LIMIT)
    assert repr(memory) == "Your server uses 0.1 of 0.5 GiB of memory (25 %)."


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "Nobody has told"),
        ({"MEM_LIMIT": "much"}, "Nobody has told"),
        # No group of this process has this limit.
        ({"MEM_LIMIT": "123456789012345"}, "may use 114978.1 GiB"),
    ],
)
def test_what_is_not_known_of_it_is_not_told(variables, words):
    assert words in repr(server_memory(variables))

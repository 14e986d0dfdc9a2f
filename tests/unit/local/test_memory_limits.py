"""Memory limits on real processes: an oversized allocation fails, and the neighbour lives."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.cgroup_tree import CgroupTree
from jhub_gateway.local.memory_limits import (
    CgroupLimit,
    MemoryLimit,
    ResourceLimit,
    choose_memory_limit,
)
from tests.fixtures.tiers import cannot_run
from tests.unit.local.servers import require_cgroup

_LIMIT = 128 * 1024**2  # bytes
HOLD = "import sys; data = b'x' * (64 << 20); print('ready', flush=True); sys.stdin.readline()"


@pytest.fixture
def cgroup_limit() -> Iterator[CgroupLimit]:
    limit = CgroupLimit(require_cgroup(), scope=secrets.token_hex(8))
    yield limit
    limit.remove_stale()
    assert not list(limit.tree.memory.glob(f"{limit.prefix}*/")), "a control group was left"


@pytest.fixture(params=["rlimit", "cgroup"])
def limit(request: pytest.FixtureRequest) -> MemoryLimit:
    return ResourceLimit() if request.param == "rlimit" else request.getfixturevalue("cgroup_limit")


def start(limit: MemoryLimit, name: str, code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        preexec_fn=limit.prepare(name, _LIMIT, None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 seconds"
        time.sleep(0.02)


def allocate(limit: MemoryLimit, megabytes: int) -> tuple[int, str]:
    code = "import sys\ndata = b'x' * (int(sys.argv[1]) << 20)"
    process = start(limit, "big", code, str(megabytes))
    _, errors = process.communicate(timeout=30)
    wait_until(lambda: limit.remove("big"))
    return process.returncode, errors


def test_an_allocation_below_the_limit_succeeds(limit: MemoryLimit) -> None:
    assert allocate(limit, 64) == (0, "")


def test_an_allocation_over_the_limit_harms_nobody_else(limit: MemoryLimit) -> None:
    neighbour = start(limit, "neighbour", HOLD)
    assert neighbour.stdout is not None
    assert neighbour.stdout.readline() == "ready\n"
    status, errors = allocate(limit, 256)
    if limit.method == "rlimit":
        assert (status, errors.splitlines()[-1]) == (1, "MemoryError")
    else:
        assert status == -9
    assert neighbour.poll() is None
    neighbour.communicate("\n", timeout=10)
    assert neighbour.returncode == 0
    wait_until(lambda: limit.remove("neighbour"))


def test_all_processes_of_a_group_share_the_limit(cgroup_limit: CgroupLimit) -> None:
    code = (
        f"import subprocess, sys; print(subprocess.run([sys.executable, '-c', {HOLD!r}], "
        "stdin=subprocess.DEVNULL).returncode)"
    )
    two = f"data = b'x' * (80 << 20)\n{code}"
    output, _ = start(cgroup_limit, "both", two).communicate(timeout=30)
    assert output.strip() != "ready\n0"
    wait_until(lambda: cgroup_limit.remove("both"))


def test_cpu_is_limited_where_the_controller_can_be_written(cgroup_limit: CgroupLimit) -> None:
    if cgroup_limit.tree.cpu is None:
        cannot_run("the cpu controller can't be written here")
    cgroup_limit.prepare("half", None, 0.5)
    group = cgroup_limit.tree.cpu / f"{cgroup_limit.prefix}half"
    file = "cpu.cfs_quota_us" if cgroup_limit.tree.version == 1 else "cpu.max"
    assert (group / file).read_text().split()[0] == "50000"
    cgroup_limit.remove("half")


def test_groups_of_an_earlier_run_are_removed_and_those_in_use_are_kept(
    cgroup_limit: CgroupLimit,
) -> None:
    other = CgroupLimit(cgroup_limit.tree, scope="another hub")
    other.prepare("theirs", _LIMIT, None)
    running = start(cgroup_limit, "running", HOLD)
    cgroup_limit.prepare("stale", _LIMIT, None)
    assert cgroup_limit.remove_stale() == [f"{cgroup_limit.prefix}stale"]
    assert cgroup_limit.list_processes("running") == {running.pid}
    running.communicate("\n", timeout=10)
    assert other.remove_stale() == [f"{other.prefix}theirs"]


def test_a_limit_that_the_kernel_refuses_leaves_no_group(cgroup_limit: CgroupLimit) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        cgroup_limit.prepare("wrong", -5, None)
    assert not (cgroup_limit.tree.memory / f"{cgroup_limit.prefix}wrong").exists()


def test_a_lower_hard_limit_of_the_hub_stays() -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[1])"
    outer = (
        "import resource, subprocess, sys; "
        "from jhub_gateway.local.memory_limits import ResourceLimit; "
        f"resource.setrlimit(resource.RLIMIT_DATA, ({_LIMIT}, {_LIMIT})); "
        f"subprocess.run([sys.executable, '-c', {code!r}], "
        f"preexec_fn=ResourceLimit().prepare('x', {_LIMIT * 8}, None), check=True)"
    )
    output = subprocess.run([sys.executable, "-c", outer], capture_output=True, check=True)
    assert int(output.stdout) == _LIMIT


def test_no_memory_given_is_no_limit() -> None:
    ResourceLimit().prepare("x", None, None)()
    assert choose_memory_limit("rlimit", "x").method == "rlimit"


@pytest.mark.parametrize(
    ("method", "tree", "chosen"),
    [
        ("auto", True, "cgroup"),
        ("auto", False, "rlimit"),
        ("cgroup", True, "cgroup"),
        ("rlimit", True, "rlimit"),
    ],
)
def test_the_method_is_the_first_that_works(
    method: str, tree: bool, chosen: str, tmp_path: os.PathLike[str]
) -> None:
    found = CgroupTree(2, tmp_path) if tree else None  # type: ignore[arg-type]
    assert choose_memory_limit(method, "x", lambda: found).method == chosen


@pytest.mark.parametrize("method", ["systemd", "cgroup"])
def test_a_method_that_does_not_work_stops_the_hub(method: str) -> None:
    with pytest.raises(ConfigurationError, match=f"memory_limit_method: '{method}' needs"):
        choose_memory_limit(method, "x", lambda: None)

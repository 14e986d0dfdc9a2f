"""Where control groups can be written, on file trees laid out as kernels show them."""

from pathlib import Path

import pytest

from jhub_gateway.local.cgroup_tree import CgroupTree, find_cgroup_tree
from jhub_gateway.local.cgroups import make_cgroup

V1_CGROUP = "4:memory:/hub\n2:cpu,cpuacct:/\n0::/\n"


def make_proc(root: Path, cgroup: str, mounts: list[str]) -> Path:
    proc = root / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(cgroup)
    lines = [f"{n} 1 0:{n} {mount}" for n, mount in enumerate(mounts)]
    (proc / "mountinfo").write_text("\n".join(lines))
    return proc


def make_group(path: Path, controllers: str = "", handed_down: str = "") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "cgroup.controllers").write_text(controllers)
    (path / "cgroup.subtree_control").write_text(handed_down)
    (path / "cgroup.procs").write_text("")
    return path


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new directory has its files at once, as in a cgroup file system."""
    make_directory = Path.mkdir
    files = ("cgroup.procs", "memory.max", "memory.swap.max", "cpu.max")
    files += ("memory.limit_in_bytes", "cpu.cfs_quota_us", "cpu.cfs_period_us")

    def mkdir(path: Path, *args: object, **kwargs: object) -> None:
        make_directory(path, *args, **kwargs)  # type: ignore[arg-type]
        for file in files:
            (path / file).touch()

    monkeypatch.setattr(Path, "mkdir", mkdir)


def make_v1(root: Path, mounted: str = "/") -> Path:
    (root / "memory" / "hub").mkdir(parents=True)
    (root / "cpu").mkdir()
    return make_proc(
        root,
        V1_CGROUP,
        [
            f"{mounted} {root}/memory rw - cgroup cgroup rw,memory",
            f"/ {root}/cpu rw - cgroup cgroup rw,cpu,cpuacct",
        ],
    )


@pytest.mark.usefixtures("kernel")
def test_version_1_is_written_below_the_hubs_own_groups(tmp_path: Path) -> None:
    tree = find_cgroup_tree(make_v1(tmp_path))
    assert tree == CgroupTree(1, tmp_path / "memory/hub", tmp_path / "cpu")


@pytest.mark.usefixtures("kernel")
def test_a_container_sees_a_part_of_the_tree(tmp_path: Path) -> None:
    tree = find_cgroup_tree(make_v1(tmp_path, mounted="/hub"))
    assert tree == CgroupTree(1, tmp_path / "memory", tmp_path / "cpu")


def test_a_group_without_limits_is_of_no_use(tmp_path: Path) -> None:
    assert find_cgroup_tree(make_v1(tmp_path)) is None


def make_v2(root: Path, own: str) -> Path:
    return make_proc(root, f"0::{own}\n", [f"/ {root}/cgroup rw - cgroup2 cgroup2 rw"])


def test_version_2_at_the_root_of_a_container(tmp_path: Path) -> None:
    top = make_group(tmp_path / "cgroup", "cpu memory pids", "cpu memory")
    assert find_cgroup_tree(make_v2(tmp_path, "/")) == CgroupTree(2, top, top)


def test_version_2_without_the_cpu_controller(tmp_path: Path) -> None:
    top = make_group(tmp_path / "cgroup", "memory pids", "memory")
    assert find_cgroup_tree(make_v2(tmp_path, "/")) == CgroupTree(2, top, None)


def test_version_2_without_the_memory_controller(tmp_path: Path) -> None:
    make_group(tmp_path / "cgroup", "cpu pids", "cpu")
    assert find_cgroup_tree(make_v2(tmp_path, "/")) is None


def test_the_hub_in_a_leaf_uses_the_delegated_group_above(tmp_path: Path) -> None:
    top = make_group(tmp_path / "cgroup", "cpu memory", "cpu memory")
    make_group(top / "jhub-gateway-hub", "cpu memory")
    assert find_cgroup_tree(make_v2(tmp_path, "/jhub-gateway-hub")) == CgroupTree(2, top, top)


@pytest.mark.parametrize("attribute", [{}, {"user.delegate": b"0"}])
def test_a_group_that_is_systemds_own_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: dict[str, bytes]
) -> None:
    set_attributes(monkeypatch, attribute)
    make_group(tmp_path / "cgroup", "cpu memory", "cpu memory")
    make_group(tmp_path / "cgroup/a.slice", "cpu memory", "cpu memory")
    make_group(tmp_path / "cgroup/a.slice/hub.service", "cpu memory", "cpu memory")
    assert find_cgroup_tree(make_v2(tmp_path, "/a.slice/hub.service")) is None


@pytest.mark.parametrize("name", ["user.delegate", "trusted.delegate"])
def test_a_group_that_is_delegated_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_group(tmp_path / "cgroup/a.slice", "cpu memory", "cpu memory")
    service = make_group(tmp_path / "cgroup/a.slice/hub.service", "cpu memory", "cpu memory")
    set_attributes(monkeypatch, {name: b"1"}, only=service)
    tree = find_cgroup_tree(make_v2(tmp_path, "/a.slice/hub.service"))
    assert tree == CgroupTree(2, service, service)


def set_attributes(
    monkeypatch: pytest.MonkeyPatch, attributes: dict[str, bytes], only: Path | None = None
) -> None:
    def getxattr(path: Path, name: str) -> bytes:
        if name not in attributes or only not in (None, path):
            raise OSError
        return attributes[name]

    monkeypatch.setattr("os.getxattr", getxattr)


@pytest.mark.usefixtures("kernel")
def test_version_2_limits_memory_swap_and_cpu(tmp_path: Path) -> None:
    make_cgroup(CgroupTree(2, tmp_path, tmp_path), "server", 1024, 0.5)
    written = {path.name: path.read_text() for path in (tmp_path / "server").iterdir()}
    assert written["memory.max"] == "1024"
    assert written["memory.swap.max"] == "0"
    assert written["cpu.max"] == "50000 100000"


def test_a_limit_that_the_kernel_does_not_know_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_cgroup(CgroupTree(2, tmp_path), "server", 1024, None)
    assert not (tmp_path / "server").exists()


def test_no_cgroup_file_system_at_all(tmp_path: Path) -> None:
    assert find_cgroup_tree(tmp_path / "missing") is None
    assert find_cgroup_tree(make_proc(tmp_path, "0::/\n", [])) is None

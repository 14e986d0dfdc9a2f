import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jhub_gateway.models import Usage
from jhub_gateway.storage import usage
from jhub_gateway.storage.usage import measure_share, read_usage


@pytest.fixture
def share(tmp_path):
    for folder in ("homes/ada", "homes/bob", "usage/homes", "datasets"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def record_of(share, place):
    return share / "usage" / place


def write_age(share, place, seconds, used=1):
    """Leave a measure of so many seconds ago."""
    measured_at = datetime.now(UTC) - timedelta(seconds=seconds)
    record = record_of(share, place)
    record.mkdir(parents=True, exist_ok=True)
    (record / "usage.json").write_text(
        json.dumps({"used": used, "measured_at": measured_at.isoformat(), "limit": None})
    )


def count_with_du(directory):
    output = subprocess.check_output(["du", "-s", "-x", "--block-size=1", directory], text=True)
    return int(output.split()[0])


def places_of(measured):
    return ["/".join(one.directory.parts[-2:]) for one in measured]


@contextmanager
def ordinary_user():
    """Be somebody whom modes of files hold back, as root is not."""
    if os.geteuid():
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


# What is counted

names = st.sampled_from(["a", "b", "c", "d", "é", "\udcff", "-n", " "])
trees = st.recursive(
    st.one_of(st.integers(0, 20_000), st.sampled_from(["link", "hard", "pipe", "sparse"])),
    lambda inner: st.dictionaries(names, inner, max_size=4),
    max_leaves=25,
)


def grow(directory, tree, top):
    directory.mkdir()
    for name, what in tree.items():
        place = directory / name
        if isinstance(what, dict):
            grow(place, what, top)
        elif isinstance(what, int):
            place.write_bytes(b"x" * what)
        elif what == "link":
            place.symlink_to("/")
        elif what == "hard":
            place.hardlink_to(top)
        elif what == "pipe":
            os.mkfifo(place)
        else:
            place.touch()
            os.truncate(place, 10**12)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, trees, max_size=4))
def test_a_tree_takes_what_du_says(tree):
    with tempfile.TemporaryDirectory() as name:
        home = Path(name, "homes/ada")
        home.parent.mkdir()
        linked = Path(name, "linked")
        linked.write_bytes(b"x" * 30_000)
        grow(home, tree, linked)
        (measured,) = measure_share(Path(name), 0)
        assert measured.problem == ""
        assert measured.usage.used == count_with_du(home)
        assert read_usage(Path(name, "usage/homes/ada")) == measured.usage


def test_a_link_to_a_home_is_nobodys_home(share):
    (share / "homes/eve").symlink_to("ada")
    (share / "homes/.snapshot").mkdir()
    assert places_of(measure_share(share, 0)) == ["homes/ada", "homes/bob"]


def test_a_tree_deeper_than_paths_and_open_files_reach(share):
    """A path of 4096 characters can't be opened, nor can a thousand directories at once."""
    depth = 1500
    fd = os.open(share / "homes/ada", os.O_RDONLY)
    for _ in range(depth):
        for name in ("directory", "sibling"):
            os.mkdir(name, dir_fd=fd)
        with open(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd), "wb") as file:
            file.write(b"x" * 5000)
        below = os.open("directory", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    ada = measure_share(share, 0)[0]
    assert ada.problem == ""
    assert ada.usage.used == count_with_du(share / "homes/ada")
    assert len(os.listdir("/proc/self/fd")) == before
    subprocess.run(["rm", "-rf", share / "homes/ada"], check=True)  # pytest's own recurses


def test_directories_moved_meanwhile_leave_no_wrong_figure(share, monkeypatch):
    monkeypatch.setattr(usage, "_KEPT_OPEN", 2)
    deep = share / "homes/ada/a/b/c/d"
    deep.mkdir(parents=True)
    (share / "homes/ada/e").mkdir()
    count = usage._Walk._count

    def move(walk, level, entry):
        if entry.name == "d":
            (share / "homes/ada/a/b").rename(share / "homes/ada/e/b")
        count(walk, level, entry)

    monkeypatch.setattr(usage._Walk, "_count", move)
    ada = measure_share(share, 0)[0]
    assert ada.usage is None
    assert "moved" in ada.problem
    assert read_usage(record_of(share, "homes/ada")) is None


def test_files_that_vanish_are_no_problem(share, monkeypatch):
    (share / "homes/ada/file").touch()
    (share / "homes/ada/folder").mkdir()
    count, vanished = usage._Walk._count, []

    def vanish(walk, level, entry):
        if entry.name == "file":
            (share / "homes/ada/file").unlink()
        count(walk, level, entry)
        if entry.name == "folder":
            (share / "homes/ada/folder").rmdir()
        vanished.append(entry.name)

    monkeypatch.setattr(usage._Walk, "_count", vanish)
    ada = measure_share(share, 0)[0]
    assert sorted(vanished) == ["file", "folder"]
    assert ada.problem == ""
    assert ada.usage is not None


def test_a_directory_that_becomes_a_link_is_not_followed(share, monkeypatch):
    (share / "homes/ada/folder").mkdir()
    (share / "homes/bob/large").write_bytes(b"x" * 100_000)
    count = usage._Walk._count

    def swap(walk, level, entry):
        count(walk, level, entry)
        if entry.name == "folder":
            (share / "homes/ada/folder").rmdir()
            (share / "homes/ada/folder").symlink_to(share / "homes/bob")

    monkeypatch.setattr(usage._Walk, "_count", swap)
    ada = measure_share(share, 0)[0]
    assert ada.usage.used < 100_000


def test_another_file_system_below_a_home_is_not_entered(share, monkeypatch):
    (share / "homes/ada/mounted").mkdir()
    (share / "homes/ada/mounted/large").write_bytes(b"x" * 100_000)
    fstat, mounted = os.fstat, (share / "homes/ada/mounted").stat().st_ino

    def fstat_with_a_mount(fd):
        status = fstat(fd)
        if status.st_ino != mounted:
            return status
        return os.stat_result([*status[:2], status.st_dev + 1, *status[3:]])

    monkeypatch.setattr(usage.os, "fstat", fstat_with_a_mount)
    ada = measure_share(share, 0)[0]
    assert ada.usage.used < 100_000
    assert ada.problem == ""


def test_unreadable_directories_are_told_and_the_rest_is_counted(share, monkeypatch, caplog):
    share.chmod(0o777)
    home = share / "homes/ada"
    (home / "readable").write_bytes(b"x" * 50_000)
    for name, mode in (("closed\n", 0o000), ("listed", 0o444)):
        (home / name).mkdir()
        (home / name / "file").touch()
        (home / name).chmod(mode)
    (share / "homes/bob").chmod(0o000)
    (share / "usage").chmod(0o777)
    (share / "usage/homes").chmod(0o777)
    monkeypatch.chdir(share)  # pytest's directories above it are closed to others
    with ordinary_user():
        ada, bob = measure_share(Path(), 0)
    assert ada.usage.used >= 50_000
    assert ada.problem.startswith("2 could not be read, the first: ")
    assert "Permission denied" in ada.problem
    assert "\n" not in ada.problem
    assert bob.usage is None
    assert "Permission denied" in bob.problem
    assert ada.problem in caplog.text
    for name in ("ada/closed\n", "ada/listed", "bob"):
        (share / "homes" / name).chmod(0o700)


# Quotas of the file system


def give_quotas(monkeypatch, sizes, calls=None):
    """Let statvfs answer as file systems with directory quotas do. Sizes are in blocks of 4096."""
    statvfs = os.statvfs

    def answer(path):
        blocks = sizes.get(Path(path).name, 1000)
        blocks = blocks() if callable(blocks) else blocks
        statvfs(path)
        return SimpleNamespace(f_blocks=blocks, f_bfree=blocks - 30, f_bavail=0, f_frsize=4096)

    monkeypatch.setattr(usage.os, "statvfs", answer)


def test_a_quota_is_asked_and_nothing_walked(share, monkeypatch):
    give_quotas(monkeypatch, {"ada": 50})
    walked = []
    walk = usage._walk
    monkeypatch.setattr(usage, "_walk", lambda top: walked.append(top.name) or walk(top))
    ada, bob = measure_share(share, 0)
    assert (ada.usage.used, ada.usage.limit) == (30 * 4096, 50 * 4096)
    assert bob.usage.limit is None
    assert walked == ["bob"]
    assert read_usage(record_of(share, "homes/ada")) == ada.usage


def test_a_size_that_changes_by_itself_is_no_quota(share, monkeypatch):
    sizes = iter(range(2000, 3000))
    give_quotas(monkeypatch, {name: lambda: next(sizes) for name in ("homes", "ada", "bob")})
    assert [one.usage.limit for one in measure_share(share, 0)] == [None, None]


def test_a_disk_of_the_homes_own_is_no_quota_of_each(share, monkeypatch):
    give_quotas(monkeypatch, {"homes": 50, "ada": 50, "bob": 50})
    assert [one.usage.limit for one in measure_share(share, 0)] == [None, None]


# What is measured, and in which order


def test_missing_comes_first_then_the_oldest_and_fresh_ones_wait(share):
    for name in ("cyd", "dan", "eve"):
        (share / "homes" / name).mkdir()
    write_age(share, "homes/ada", 50)
    write_age(share, "homes/bob", 200)
    write_age(share, "homes/cyd", 300)
    write_age(share, "homes/eve", -3600)  # the clock of another host is ahead
    measured = measure_share(share, 100)
    assert places_of(measured) == ["homes/dan", "homes/cyd", "homes/bob"]
    assert measure_share(share, 100) == []


def test_a_broken_clock_is_not_believed_for_years(share):
    write_age(share, "homes/ada", -10 * 365 * 86400)
    assert "homes/ada" in places_of(measure_share(share, 100))


def test_homes_in_rescue_come_first_each_time_whatever_the_budget(share):
    write_age(share, "homes/bob", 1)
    (record_of(share, "homes/bob") / "rescue").touch()
    assert places_of(measure_share(share, 100)) == ["homes/bob", "homes/ada"]
    assert places_of(measure_share(share, 100)) == ["homes/bob"]
    assert places_of(measure_share(share, 0, budget=0)) == ["homes/bob"]


def test_what_the_budget_leaves_comes_next_time(share):
    write_age(share, "homes/ada", 300)
    write_age(share, "homes/bob", 200)
    (share / "homes/ada/file").touch()
    assert measure_share(share, 100, budget=0) == []
    assert places_of(measure_share(share, 100, budget=60)) == ["homes/ada", "homes/bob"]


def test_datasets_are_measured_and_deeper_ones_where_usage_has_a_place(share):
    for path in ("flat", "deep/er/est", "deep/other"):
        (share / "datasets" / path).mkdir(parents=True)
    (share / "datasets/flat/file").write_bytes(b"x" * 10_000)
    record_of(share, "datasets/deep/er").mkdir(parents=True)
    record_of(share, "datasets/gone").mkdir()
    measured = {one.directory.relative_to(share).as_posix() for one in measure_share(share, 0)}
    assert measured == {
        "homes/ada",
        "homes/bob",
        "datasets/flat",
        "datasets/deep",
        "datasets/deep/er",
    }
    assert read_usage(record_of(share, "datasets/flat")).used >= 10_000


def test_a_share_without_folders_has_nothing_to_measure(tmp_path):
    assert measure_share(tmp_path, 0) == []


# What is written


def test_users_can_read_it_whatever_the_umask(share):
    before = os.umask(0o077)
    try:
        measure_share(share, 0)
    finally:
        os.umask(before)
    record = record_of(share, "homes/ada")
    assert [path.name for path in record.iterdir()] == ["usage.json"]
    assert (record / "usage.json").stat().st_mode & 0o777 == 0o644
    assert record.stat().st_mode & 0o777 == 0o755


def test_what_is_written_has_the_agreed_form(share):
    measure_share(share, 0)
    written = json.loads((record_of(share, "homes/ada") / "usage.json").read_text())
    assert sorted(written) == ["limit", "measured_at", "used"]
    assert datetime.strptime(written["measured_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert written["limit"] is None


def test_a_result_that_cannot_be_written_is_told(share):
    record_of(share, "homes/ada").write_text("a file where a directory belongs")
    ada, bob = measure_share(share, 0)
    assert ada.usage.used == count_with_du(share / "homes/ada")
    assert "usage/homes/ada" in ada.problem
    assert bob.problem == ""


def test_two_measurers_that_write_at_once_leave_one_whole_result(share, monkeypatch):
    replace, measured = os.replace, []

    def replace_after_another(path, target):
        if not measured:
            measured.append(None)
            measured.extend(measure_share(share, 0))
        return replace(path, target)

    monkeypatch.setattr(os, "replace", replace_after_another)
    measured.extend(measure_share(share, 0))
    assert [one.problem for one in measured if one] == [""] * 4
    for name in ("ada", "bob"):
        record = record_of(share, f"homes/{name}")
        assert [path.name for path in record.iterdir()] == ["usage.json"]
        assert read_usage(record).used == count_with_du(share / "homes" / name)


def test_what_another_measurer_did_meanwhile_is_not_done_again(share, monkeypatch):
    measure = usage._measure

    def measure_both(place):
        write_age(share, "homes/bob", 0)
        return measure(place)

    monkeypatch.setattr(usage, "_measure", measure_both)
    assert places_of(measure_share(share, 100)) == ["homes/ada"]


# What is read


def test_usage_reads_back(tmp_path):
    written = '{"used": 7, "measured_at": "2026-11-21T16:00:00Z", "limit": 9}'
    (tmp_path / "usage.json").write_text(written)
    assert read_usage(tmp_path) == Usage(7, datetime(2026, 11, 21, 16, tzinfo=UTC), 9)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "null",
        '"used"',
        "{}",
        "[" * 100_000,
        "\0\0",
        '{"used": 7}',
        '{"used": 7, "measured_at": 5}',
        '{"used": 7, "measured_at": "yesterday"}',
        '{"used": 7, "measured_at": "2026-11-21T16:00:00"}',
        '{"used": -7, "measured_at": "2026-11-21T16:00:00Z"}',
        '{"used": true, "measured_at": "2026-11-21T16:00:00Z"}',
        '{"used": 7.5, "measured_at": "2026-11-21T16:00:00Z"}',
        '{"used": 7, "measured_at": "2026-11-21T16:00:00Z", "limit": "9"}',
    ],
)
def test_a_broken_record_says_nothing_and_is_measured_anew(share, broken):
    record_of(share, "homes/ada").mkdir()
    (record_of(share, "homes/ada") / "usage.json").write_text(broken)
    assert read_usage(record_of(share, "homes/ada")) is None
    assert "homes/ada" in places_of(measure_share(share, 1000))
    assert read_usage(record_of(share, "homes/ada")) is not None


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(content):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "usage.json").write_bytes(content)
        assert read_usage(Path(directory)) is None


def test_no_record_says_nothing(tmp_path):
    assert read_usage(tmp_path) is None
    (tmp_path / "usage.json").mkdir()
    assert read_usage(tmp_path) is None


def test_a_home_of_systemds_is_measured_where_its_link_leads(tmp_path: Path) -> None:
    share, private = tmp_path / "share", tmp_path / "private"
    (share / "homes").mkdir(parents=True)
    private.mkdir()
    (private / "work").write_bytes(b"x" * 50_000)
    (share / "homes/ada").symlink_to(private)
    (measured,) = measure_share(share, 0)
    assert measured.usage is not None
    assert measured.usage.used >= 50_000
    assert read_usage(share / "usage/homes/ada") == measured.usage

"""Users' credentials on one machine: files that are whole, private, and renewed by one process."""

import asyncio
import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jhub_gateway.credentials.directory_store import (
    READABLE,
    DirectoryStore,
    list_directory_stores,
)
from jhub_gateway.errors import CredentialUnavailable
from tests.fixtures.tiers import cannot_run

FILES = {"access_token": b"old", "expires_at": b"1", "credentials.json": b'["access_token"]'}
NEWER = {
    "access_token": b"new",
    "expires_at": b"2",
    "ftp.password": b"\x00\xff",
    "credentials.json": b'["access_token", "ftp.password"]',
}
ENDED = {"credentials.json": b"[]"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "credentials"


def make_store(root: Path, username: str = "ada", **options) -> DirectoryStore:
    return DirectoryStore(root, f"{username} id", username, **options)


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_files_are_there_as_written_for_the_hubs_account_alone(root):
    old = os.umask(0)
    try:
        store = make_store(root)
        assert await store.write(FILES)
    finally:
        os.umask(old)
    assert store.path.parent == root
    assert read(store.path) == FILES
    assert get_mode(root) == get_mode(store.path) == 0o700
    assert {get_mode(path) for path in store.path.iterdir()} == {0o600}


async def test_files_for_another_account_are_behind_a_root_that_it_cannot_enter(root):
    old = os.umask(0o077)
    try:
        store = make_store(root, mode=READABLE)
        await store.write(FILES)
    finally:
        os.umask(old)
    assert get_mode(root) == 0o700
    assert get_mode(store.path) == 0o755
    assert {get_mode(path) for path in store.path.iterdir()} == {0o644}
    assert await make_store(root).write(FILES)
    assert get_mode(store.path) == 0o700
    assert {get_mode(path) for path in store.path.iterdir()} == {0o600}


async def test_no_other_file_stays_behind(root):
    store = make_store(root)
    await store.write(NEWER)
    (store.path / ".access_token.0a1b").write_bytes(b"left by a process that was killed")
    assert await store.write(FILES)
    assert read(store.path) == FILES
    assert await store.write(ENDED)
    assert read(store.path) == ENDED


async def test_a_file_that_is_the_same_is_not_written(root):
    store = make_store(root)
    await store.write(FILES)
    before = {path.name: path.stat().st_ino for path in store.path.iterdir()}
    assert not await store.write(FILES)
    assert {path.name: path.stat().st_ino for path in store.path.iterdir()} == before
    await store.write({**FILES, "access_token": b"new"})
    after = {path.name: path.stat().st_ino for path in store.path.iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["access_token"]


async def test_a_name_leads_nowhere_else(root):
    for name in ("../x", "a/b", ".hidden", "", "..", "a\n"):
        with pytest.raises(CredentialUnavailable):
            await make_store(root).write({name: b""})
    assert not (root / "x").exists()


def make_numbered_files(number: int) -> dict[str, bytes]:
    now = str(number).encode()
    # None is ever removed: a reader may have read an older list just before.
    files = {f"file-{each}": b"" for each in range(number + 1)}
    names = f"access_token file-{number}".encode()
    return {"access_token": now, "expires_at": now, "credentials.json": names, **files}


async def test_a_reader_never_sees_a_file_missing_or_an_expiry_before_its_token(root):
    """What credentials.json names is there, and a later expires_at comes with a later token."""
    store = make_store(root)
    await store.write(make_numbered_files(0))
    done, seen = threading.Event(), []

    def follow() -> None:
        while not done.is_set():
            named = (store.path / "credentials.json").read_text().split()
            seen.append(all((store.path / name).exists() for name in named))
            expiry = int((store.path / "expires_at").read_bytes())
            seen.append(expiry <= int((store.path / "access_token").read_bytes()))

    reader = threading.Thread(target=follow)
    reader.start()
    try:
        for number in range(1, 50):
            await store.write(make_numbered_files(number))
            await asyncio.sleep(0.002)  # for the reader, where disks are fast
    finally:
        done.set()
        reader.join()
    assert len(seen) > 50
    assert all(seen)


async def test_the_order_is_files_then_expiry_then_the_list_then_removals(root, monkeypatch):
    store = make_store(root)
    await store.write({**FILES, "a.gone": b""})
    done: list[str] = []
    replace, unlink = os.replace, os.unlink

    def note(what, name):
        done.append(f"{what} {Path(name).name}")

    monkeypatch.setattr(os, "replace", lambda a, b: (note("put", b), replace(a, b)))
    monkeypatch.setattr(os, "unlink", lambda a, **more: (note("end", a), unlink(a, **more)))
    await store.write(NEWER)
    done = [each for each in done if not each.startswith("end .")]
    assert done == [
        "put access_token",
        "put ftp.password",
        "put expires_at",
        "put credentials.json",
        "end a.gone",
    ]


async def test_a_full_disk_leaves_the_old_files_whole(root, monkeypatch):
    store = make_store(root)
    await store.write(FILES)
    sync, done = os.fsync, []

    def fill(descriptor: int) -> None:
        done.append(descriptor)
        if len(done) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fill)
    assert await store.claim()
    with pytest.raises(CredentialUnavailable, match="No space left"):
        await store.write(NEWER)
    assert read(store.path) == FILES
    assert not await make_store(root).claim()
    assert await store.write(NEWER)
    assert read(store.path) == NEWER
    assert await make_store(root).claim()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid():
        cannot_run("a full disk needs root, who can mount a small one")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


async def test_a_disk_that_is_really_full_leaves_the_old_files_whole(small_disk):
    store = make_store(small_disk / "credentials")
    await store.write(FILES)
    with pytest.raises(CredentialUnavailable, match="No space left"):
        await store.write({**NEWER, "ftp.password": b"x" * 100_000})
    assert read(store.path) == FILES
    assert await store.write(NEWER)


async def test_one_of_ten_processes_renews(root):
    await make_store(root).write(FILES)
    stores = [make_store(root) for _ in range(10)]
    claims = await asyncio.gather(*(store.claim() for store in stores))
    assert sum(claims) == 1
    await stores[claims.index(True)].write(NEWER)
    assert sum(await asyncio.gather(*(store.claim() for store in stores))) == 1


async def test_whoever_missed_a_renewal_is_told_once(root):
    first, second = make_store(root), make_store(root)
    await first.write(FILES)
    await second.write(FILES)
    assert await first.claim()
    assert await first.claim()
    assert not await second.claim()
    await first.write(NEWER)
    assert not await second.claim()
    assert await second.claim()
    await second.release()
    await second.release()
    assert await first.claim()


async def test_a_write_does_not_take_anothers_right(root):
    first, second = make_store(root), make_store(root)
    assert await first.claim()
    assert await second.write(FILES)
    assert not await make_store(root).claim()
    await first.write(NEWER)
    assert read(first.path) == NEWER


@pytest.fixture
def claimer(root: Path) -> Iterator[subprocess.Popen]:
    """Another process, which has the right and keeps it."""
    claim = """
import asyncio, sys, time
from pathlib import Path
from jhub_gateway.credentials.directory_store import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]), "ada id", "ada")
print(asyncio.run(store.claim()), flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", claim, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


async def test_a_dead_process_loses_its_right(root, claimer):
    heir = make_store(root)
    assert not await heir.claim()
    claimer.kill()
    claimer.wait()
    assert await heir.claim()


async def test_directories_are_listed_with_their_users_and_removed(root):
    ada, bob = make_store(root, "ada"), make_store(root, "Bob/../x\n")
    assert await list_directory_stores(root) == []
    await ada.write(FILES)
    await bob.write(FILES)
    found = await list_directory_stores(root)
    assert sorted(each.username for each in found) == ["Bob/../x\n", "ada"]
    again = await list_directory_stores(root)
    assert [each.key for each in again] == [each.key for each in found]
    await bob.write(NEWER)
    for each in found:
        await each.remove()
        await each.remove()
    assert not ada.path.exists()
    assert read(bob.path) == NEWER
    await ada.write(FILES)
    anew = {each.username: each.key for each in await list_directory_stores(root)}
    assert anew["ada"] not in {each.key for each in found}


async def test_what_another_process_changed_or_renews_is_not_removed(root):
    first, second = make_store(root), make_store(root)
    await first.write(FILES)
    await second.write(NEWER)
    await first.remove()
    assert read(second.path) == NEWER
    assert await second.claim()
    await make_store(root).remove()
    assert read(second.path) == NEWER
    await second.remove()
    assert not second.path.exists()
    assert await first.claim()
    await make_store(root, "nobody").remove()


async def test_nothing_of_it_outlives_a_removal_but_the_root(root):
    store = make_store(root)
    await store.write(FILES)
    await store.claim()
    await store.remove()
    assert [path.name for path in root.iterdir()] == [".lock"]


def do_all(store: DirectoryStore):
    return store.claim(), store.write(FILES), store.remove()


async def test_a_link_in_the_place_of_the_directory_is_refused(root, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "access_token").write_bytes(b"theirs")
    store = make_store(root)
    await store.write(FILES)
    shutil.rmtree(store.path)
    store.path.symlink_to(target)
    for action in do_all(make_store(root)):
        with pytest.raises(CredentialUnavailable, match="no directory"):
            await action
    assert read(target) == {"access_token": b"theirs"}


async def test_a_root_that_is_a_link_is_refused(root, tmp_path):
    root.parent.mkdir()
    root.symlink_to(tmp_path)
    for action in do_all(make_store(root)):
        with pytest.raises(CredentialUnavailable, match="no directory"):
            await action


async def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(root, tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    store = make_store(root)
    await store.write(FILES)
    (store.path / "access_token").unlink()
    (store.path / "access_token").symlink_to(target)
    assert await store.write(FILES)
    assert not (store.path / "access_token").is_symlink()
    (store.path / "more").symlink_to(target)
    await store.write(NEWER)
    assert read(store.path) == NEWER
    assert target.read_bytes() == b"old"


async def test_a_lock_that_is_a_link_is_refused(root, tmp_path):
    store = make_store(root)
    await store.write(FILES)
    (tmp_path / "target").write_text("theirs")
    for name in (".lock", f".{store.path.name}.lock"):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(tmp_path / "target")
        with pytest.raises(CredentialUnavailable):
            await DirectoryStore(root, "ada id", "other").write(NEWER)
    assert (tmp_path / "target").read_text() == "theirs"


async def test_a_root_that_others_can_write_to_is_refused(root):
    root.mkdir(parents=True)
    root.chmod(0o770)
    for action in do_all(make_store(root)):
        with pytest.raises(CredentialUnavailable, match="chmod 700"):
            await action
    root.chmod(0o755)
    await make_store(root).write(FILES)
    assert get_mode(root) == 0o700


async def test_a_directory_of_another_account_is_refused(root, monkeypatch):
    store = make_store(root)
    await store.write(FILES)
    if os.geteuid() == 0:
        os.chown(store.path, 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    for action in do_all(make_store(root)):
        with pytest.raises(CredentialUnavailable, match="belongs to the account"):
            await action

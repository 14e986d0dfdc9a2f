"""A share for tests, and the ways in which a process can fail on it."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from jhub_gateway.errors import StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.storage.layout import init_share
from jhub_gateway.storage.owners import Record, add_record, set_name

ISSUER = "https://login.gateway.example"

# Whatever changes the share, or waits for it to be on the disk, is one of these.
_CALLS = [
    "open",
    "chmod",
    "fsync",
    "link",
    "mkdir",
    "rename",
    "replace",
    "rmdir",
    "unlink",
    "utime",
]
_CALLS += ["write"]

DONE, REFUSED, FAILED, NOT_REACHED, KILLED = 0, 3, 4, 5, -signal.SIGKILL


def make_owner(name: str, subject: str | None = None) -> Owner:
    return Owner(name, ISSUER if subject else None, subject)


def make_directory(owner: Owner) -> str:
    return make_directory_name(owner.identity)


def make_share(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    init_share(path)
    return path


def add_home(root: Path, owner: Owner, text: str | None, next_login: bool = False) -> Path:
    """Make a home as it is after some starts, with one file that holds ``text``."""
    directory = make_directory(owner)
    home = root / "homes" / directory
    home.mkdir(mode=0o700)
    if text is not None:
        (home / "notes.txt").write_text(text)
    (root / "usage/homes" / directory).mkdir()
    add_record(
        root, directory, Record(owner.name, owner.issuer, owner.subject, next_login=next_login)
    )
    set_name(root, owner.name, directory)
    return home


def find_texts(root: Path) -> dict[str, list[str]]:
    """Return each text that a home holds, with the homes that hold it."""
    found: dict[str, list[str]] = {}
    for notes in (root / "homes").glob("*/notes.txt"):
        found.setdefault(notes.read_text(), []).append(notes.parent.name)
    return found


def list_all(root: Path) -> list[tuple[str, int, int, int, bytes]]:
    """Return all that is below the directory, and the directory, with mode, size, time and text."""
    listing = []
    for path in [root, *sorted(root.rglob("*"))]:
        found = path.lstat()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        name = str(path.relative_to(root))
        listing.append((name, found.st_mode, found.st_nlink, found.st_mtime_ns, text))
    return listing


def become_ordinary() -> None:
    """Give up root, where the tests have it, for uid and gid 1000."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(1000)
        os.setuid(1000)


@contextmanager
def owned_by_ordinary(root: Path) -> Iterator[None]:
    """Give the share to uid 1000 where the tests run as root, and let it in."""
    if os.geteuid() != 0:
        yield
        return
    for path in [root, *root.rglob("*")]:
        os.chown(path, 1000, 1000)
    # pytest's own directories are root's alone.
    closed = [one for one in root.parents if not one.stat().st_mode & 1]
    for one in closed:
        one.chmod(one.stat().st_mode | 1)
    try:
        yield
    finally:
        for one in closed:
            one.chmod(one.stat().st_mode & ~1)


def run_in_process(action: Callable[[], object], kill_at: int | None = None) -> int:
    """Run the action in a process of its own; return how it ended.

    ``kill_at`` is the number of the file system call, from 0, before which kill -9 comes; a
    write is torn in the middle.
    """
    return wait_for(start_process(action, kill_at))


def start_process(action: Callable[[], object], kill_at: int | None = None) -> int:
    """Begin what run_in_process does; return the process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    try:
        if kill_at is not None:
            _arm(kill_at)
        action()
        os._exit(DONE)
    except StartRefused:
        os._exit(REFUSED)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(FAILED)


def wait_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_with_kills(action: Callable[[], object]) -> Iterator[int]:
    """Run the action with a kill before its first call, its second, and so on to its last.

    Yields before each run, to make a new share, and ends after a run that nothing killed.
    """
    number = 0
    while True:
        yield number
        status = run_in_process(action, kill_at=number)
        if status != KILLED:
            assert status == DONE
            assert number > 3, "there was nothing to kill"
            return
        number += 1


@contextmanager
def failing(number: int, code: int = errno.ENOSPC) -> Iterator[list[str]]:
    """Let the call of this number fail with an error of the system; yield the calls that did."""
    saved = {name: getattr(os, name) for name in _CALLS}
    failed: list[str] = []

    def fail(name: str, *arguments: object) -> None:
        failed.append(name)
        path = next((one for one in arguments if isinstance(one, str | os.PathLike)), None)
        raise OSError(code, os.strerror(code), path and os.fspath(path))

    _patch(number, fail)
    try:
        yield failed
    finally:
        for name, function in saved.items():
            setattr(os, name, function)


def interrupt(action: Callable[[], object], other: Callable[[], object]) -> Iterator[int]:
    """Run the action again and again, and ``other`` before its first call, its second, and so on.

    After it the action goes on to its end, or is killed up to four calls later. Yields before
    each run, to make a new share.
    """
    for number in count():
        for more in (None, 1 + number % 4):
            yield number
            status = run_in_process(partial(_run_interrupted, action, other, number, more))
            if status == NOT_REACHED:
                assert number > 3, "there was nothing to interrupt"
                return
            assert status in (DONE, REFUSED, KILLED)


def _run_interrupted(
    action: Callable[[], object], other: Callable[[], object], number: int, more: int | None
) -> None:
    calls = {name: getattr(os, name) for name in _CALLS}
    reached = []

    def restore() -> None:
        for name, function in calls.items():
            setattr(os, name, function)

    def step_in(*_: object) -> None:
        reached.append(number)
        if run_in_process(lambda: (restore(), other())) == FAILED:
            os._exit(FAILED)

    _patch(number, step_in)
    if more is not None:
        _arm(number + more)
    try:
        action()
    finally:
        if not reached:
            os._exit(NOT_REACHED)


def _arm(number: int) -> None:
    write = os.write

    def kill(name: str, *arguments: object) -> None:
        if name == "write":
            descriptor, data = arguments
            write(descriptor, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    _patch(number, kill)


def _patch(number: int, at: Callable[..., None]) -> None:
    made = iter(range(10**6))

    def wrap(name: str) -> Callable[..., object]:
        function = getattr(os, name)

        def call(*arguments: object, **more: object) -> object:
            if next(made) == number:
                at(name, *arguments)
            return function(*arguments, **more)

        return call

    for name in _CALLS:
        setattr(os, name, wrap(name))

"""How much each home and dataset of the share takes, measured apart from any start.

A directory with a quota of the file system's own is asked for its figures, which costs nothing.
Any other is walked, as often as ``max_age`` says, and the result kept below ``usage/``.
"""

import errno
import json
import logging
import math
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from jhub_gateway.models import PlacesUsage, Usage
from jhub_gateway.policy.layout import DATASETS, HOMES, USAGE
from jhub_gateway.storage import files
from jhub_gateway.storage.paths import RESCUE, USAGE_RECORD
from jhub_gateway.storage.share_usage import sum_up, write_share_usage

_BLOCK = 512  # bytes, the unit of st_blocks whatever the file system's own block size is
_DAY = 86400.0
_KEPT_OPEN = 32  # directories; the rest of a deep path is opened again on the way back
_MOST_LINKED = 500_000  # hard-linked files to remember, in 70 MB; those after them count each time
_LONGEST_PATH = 200  # characters of a user's path in a message
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """What measuring ``directory`` gave, and the ``seconds`` that it took.

    ``usage`` is ``None`` if the directory can't be opened. With a ``problem`` (for the operator)
    it is what could be counted.
    """

    directory: Path
    usage: Usage | None
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    directory: Path
    record: Path  # the directory of its usage.json

    @property
    def is_in_rescue(self) -> bool:
        return (self.record / RESCUE).exists()


def measure_share(root: Path, max_age: float, budget: float | None = None) -> list[Measured]:
    """Measure the share's homes and datasets, and write what they take to ``usage/``.

    First come the homes in rescue mode, always: their users wait for it. Then come those whose
    last measure is missing or older than ``max_age`` seconds, oldest first; after ``budget``
    seconds no further one of these is begun. A directory's trouble is its ``problem`` and a line
    of the log. Several measurers at once share the work. At the end the sums are written, of what
    others measured too. Raises OSError if the folders of the share can't be listed.
    """
    homes, datasets = list(_find_homes(root)), list(_find_datasets(root))
    places = [*homes, *datasets]
    waiting = [place for place in places if place.is_in_rescue]
    measured = [_measure(place) for place in waiting]
    end = math.inf if budget is None else time.monotonic() + budget
    for place in _sort_oldest_first(set(places).difference(waiting)):
        if time.monotonic() >= end:
            break
        # Read only now: another measurer may have been here meanwhile.
        if not _is_fresh(read_usage(place.record), max_age):
            measured.append(_measure(place))
    if places:
        write_share_usage(root, _sum_up(homes), _sum_up(datasets))
    return measured


def read_usage(directory: Path) -> Usage | None:
    """Return what was last measured, from the directory of usage.json; None if it says nothing."""
    try:
        record = json.loads((directory / USAGE_RECORD).read_bytes())
        used, limit = record["used"], record.get("limit")
        measured_at = datetime.fromisoformat(record["measured_at"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not _is_size(used) or not (limit is None or _is_size(limit)) or not measured_at.tzinfo:
        return None
    return Usage(used, measured_at, limit)


def _sum_up(places: Iterable[_Place]) -> PlacesUsage:
    return sum_up(read_usage(place.record) for place in places)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _find_homes(root: Path) -> Iterator[_Place]:
    for name in _list_directories(root / HOMES, links=True):
        home = root / HOMES / name
        if home.is_symlink():
            # systemd's homes are in /var/lib/private, and root made the links. What leads to
            # another home is nobody's.
            home = home.resolve()
            if root.resolve() in home.parents:
                continue
        yield _Place(home, root / USAGE / HOMES / name)


def _find_datasets(root: Path) -> Iterator[_Place]:
    """Find the folders of datasets/, and what lies deeper and has a directory below usage/."""
    paths = {Path(name) for name in _list_directories(root / DATASETS)}
    records = root / USAGE / DATASETS
    for parent, names, _ in os.walk(records):
        paths.update(Path(parent, name).relative_to(records) for name in names)
    for path in paths:
        dataset = root / DATASETS / path
        if dataset.is_dir() and not dataset.is_symlink():
            yield _Place(dataset, records / path)


def _list_directories(folder: Path, links: bool = False) -> list[str]:
    """Return the names of the folder's directories; hidden ones are the file server's snapshots."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=links)
            ]
    except FileNotFoundError:
        return []


def _sort_oldest_first(places: set[_Place]) -> list[_Place]:
    def measured_at(place: _Place) -> tuple[float, Path]:
        usage = read_usage(place.record)
        return (usage.measured_at.timestamp() if usage else -math.inf, place.directory)

    return sorted(places, key=measured_at)


def _is_fresh(usage: Usage | None, max_age: float) -> bool:
    """Say whether the measure is young enough.

    Hosts' clocks differ, so that one from the future is. A day ahead is a broken clock's, and
    would otherwise be believed until then.
    """
    if usage is None:
        return False
    age = time.time() - usage.measured_at.timestamp()
    return -_DAY < age <= max_age


def _measure(place: _Place) -> Measured:
    measured_at = datetime.now(UTC).replace(microsecond=0)
    start = time.monotonic()
    usage, problem = None, ""
    try:
        if quota := _read_quota(place.directory):
            usage = Usage(quota.used, measured_at, quota.limit)
        else:
            used, problem = _walk(place.directory)
            usage = Usage(used, measured_at)
        _write_usage(place.record, usage)
    except OSError as error:
        problem = "; ".join(filter(None, [problem, _describe(error)]))
    if problem:
        log.warning("Measuring %s: %s", place.directory, problem)
    return Measured(place.directory, usage, time.monotonic() - start, problem)


class _Quota(NamedTuple):
    used: int
    limit: int


def _read_quota(directory: Path) -> _Quota | None:
    """Return used and limit in bytes, if the file system keeps them for this directory.

    XFS and ext4 (project quotas), CephFS and many NFS servers report a directory's quota as the
    size of its file system. What is no quota has its parent's size, which changes by itself on
    some file systems (ZFS): hence the second look.
    """
    before = os.statvfs(directory.parent).f_blocks
    own = os.statvfs(directory)
    after = os.statvfs(directory.parent).f_blocks
    if own.f_blocks == 0 or min(before, after) <= own.f_blocks <= max(before, after):
        return None
    return _Quota((own.f_blocks - own.f_bfree) * own.f_frsize, own.f_blocks * own.f_frsize)


def _write_usage(directory: Path, usage: Usage) -> None:
    files.make_readable_directory(directory)
    record = {
        "used": usage.used,
        "measured_at": usage.measured_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "limit": usage.limit,
    }
    # Users read it, whatever the umask of who measures.
    files.replace(directory / USAGE_RECORD, json.dumps(record) + "\n", mode=0o644)


def _describe(error: OSError) -> str:
    return f"{os.fspath(error.filename)!r}: {error.strerror}" if error.filename else str(error)


def _walk(directory: Path) -> tuple[int, str]:
    """Return what the files take in bytes, and what could not be counted."""
    walk = _Walk()
    walk.run(directory)
    return walk.used, walk.problem


@dataclass(slots=True)
class _Level:
    """A directory on the way from the top to where the walk is, and those below it to go to."""

    name: str
    fd: int
    identity: tuple[int, int]
    waiting: list[str]
    is_open: bool = True

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            os.close(self.fd)


class _Walk:
    """Adds up a tree that its user may change meanwhile, without ever leaving it.

    Each directory is opened by its name in the open one above it, so that no path is too long and
    no link that takes a directory's place is followed. Only the nearest few stay open.
    """

    def __init__(self) -> None:
        self.used = 0
        self._device = -1
        self._linked: set[tuple[int, int]] = set()
        self._levels: list[_Level] = []
        self._unread = 0
        self._first_unread = ""

    @property
    def problem(self) -> str:
        if not self._unread:
            return ""
        return f"{self._unread} could not be read, the first: {self._first_unread}"

    def run(self, top: Path) -> None:
        """Add up what lies below ``top``. Raises OSError if that can't be opened itself."""
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._device = os.fstat(fd).st_dev
        self._enter("", fd)
        try:
            while self._levels:
                self._step()
        finally:
            for level in self._levels:
                level.close()

    def _step(self) -> None:
        level = self._levels[-1]
        if not level.waiting:
            self._leave()
            return
        name = level.waiting.pop()
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=level.fd)
        except OSError as error:
            self._note(name, error)
        else:
            self._enter(name, fd)

    def _enter(self, name: str, fd: int) -> None:
        status = os.fstat(fd)
        if status.st_dev != self._device:
            os.close(fd)  # another file system
            return
        level = _Level(name, fd, (status.st_dev, status.st_ino), [])
        self._levels.append(level)
        self.used += status.st_blocks * _BLOCK
        if len(self._levels) > _KEPT_OPEN:
            self._levels[-_KEPT_OPEN - 1].close()
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    self._count(level, entry)
        except OSError as error:
            self._note("", error)

    def _count(self, level: _Level, entry: os.DirEntry[str]) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self._note(entry.name, error)
            return
        if stat.S_ISDIR(status.st_mode):
            level.waiting.append(entry.name)
            return
        if status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            if identity in self._linked:
                return
            if len(self._linked) < _MOST_LINKED:
                self._linked.add(identity)
        self.used += status.st_blocks * _BLOCK

    def _leave(self) -> None:
        level = self._levels.pop()
        try:
            if self._levels and not self._levels[-1].is_open:
                self._open_again(self._levels[-1], level.fd)
        finally:
            level.close()

    def _open_again(self, level: _Level, below: int) -> None:
        """Open the level from the directory below it, unless that was moved elsewhere."""
        fd = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=below)
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) == level.identity:
            level.fd, level.is_open = fd, True
            return
        os.close(fd)
        raise OSError(errno.EAGAIN, "directories were moved while they were measured")

    def _note(self, name: str, error: OSError) -> None:
        if error.errno in _VANISHED:
            return
        self._unread += 1
        if not self._first_unread:
            path = "/".join([*(level.name for level in self._levels[1:]), name])
            self._first_unread = f"{path[:_LONGEST_PATH]!r}: {error.strerror}"

"""What operators see of all homes, and how they give one another owner. No home is walked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jhub_gateway.models import Usage
from jhub_gateway.policy.layout import HOMES, LAYOUT, NAMES, OWNERS, USAGE
from jhub_gateway.storage.files import PARTIAL
from jhub_gateway.storage.layout import read_layout
from jhub_gateway.storage.moves import (
    check_move,
    check_name,
    describe_identity,
    describe_lost,
    describe_move,
    make_command,
    move_home,
)
from jhub_gateway.storage.owners import (
    Record,
    add_record,
    change_record,
    drop_name,
    is_directory_name,
    read_last_start,
    read_move,
    read_name_file,
    read_record,
    set_last_start,
    set_name,
)
from jhub_gateway.storage.paths import MOVE, OWNER, home_path, name_path, usage_path
from jhub_gateway.storage.problems import StorageError

Identity = Literal["subject", "name", "next login"]

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Home:
    """A home as the share's notes have it. ``last_start`` is in seconds since 1970."""

    directory: str
    record: Record | None
    is_there: bool
    last_start: float | None
    usage: Usage | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a rename shall change. ``identity`` is who gets the home; None keeps who has it."""

    name: str | None = None
    identity: Identity | None = None
    issuer: str | None = None
    subject: str | None = None


def check_share(root: Path) -> None:
    """Raise StorageError unless the share has this release's layout."""
    if (found := read_layout(root)) != LAYOUT:
        raise StorageError(
            f"{root} has layout {found}, this release works with {LAYOUT}: see "
            f"`jhub-gateway storage init --dry-run {root}`"
        )


def list_homes(root: Path, with_usage: bool = False) -> Iterator[Home]:
    """Yield each home that is there or has an owner, by directory name. Raises StorageError."""
    check_share(root)
    there = set(os.listdir(root / HOMES))
    owned = {
        name.removesuffix(OWNER)
        for name in os.listdir(root / OWNERS)
        if name.endswith(OWNER) and not name.startswith(".")
    }
    for directory in sorted(there | owned):
        if not directory.startswith("."):
            yield _read_home(root, directory, directory in there, with_usage)


def find_orphans(root: Path, now: float, unused_for: float | None = None) -> Iterator[str]:
    """Yield a sentence for each thing that nobody has, or that a kill left.

    ``now`` is in seconds since 1970. Homes unused for ``unused_for`` seconds and more are named
    too. Raises StorageError.
    """
    homes = {home.directory: home for home in list_homes(root)}
    for home in homes.values():
        yield from _describe_orphan(root, home, now, unused_for)
    for folder in (OWNERS, NAMES, ".", f"{USAGE}/{HOMES}"):
        yield from _find_partial_files(root / folder)
    for name in sorted(os.listdir(root / OWNERS)):
        if name.endswith(MOVE) and not name.startswith("."):
            yield f"{OWNERS}/{name}: {describe_move(root, name.removesuffix(MOVE))}"
    yield from _find_lost_names(root, homes)


def rename_home(root: Path, directory: str, change: Change, dry_run: bool = False) -> list[str]:
    """Give the home another owner or user name; return what was done, or with ``dry_run`` would be.

    A new identity moves the home to its own directory. Repeating after a kill does the rest.
    Raises StorageError, or StartRefused with the cause, if it can't be; then nothing has changed.
    """
    check_share(root)
    if not is_directory_name(directory):
        raise StorageError(f"{directory!r} is no name of a home; see `storage list {root}`")
    before, under_way = read_record(root, directory), read_move(root, directory)
    after = _make_record(before or under_way, change)
    there = home_path(root, directory).is_dir()
    if before is None and under_way is None and not there:
        return [_find_done(root, directory, after)]
    if after.name is None:
        raise StorageError(f"nothing says the user name of {directory}: add --name")
    if after.directory != directory:
        return _move(root, directory, after, dry_run)
    if under_way is not None:
        raise StorageError(describe_move(root, directory))
    if not there:
        raise StorageError(describe_lost(root, directory))
    return _change(root, directory, before, after, dry_run)


def _read_home(root: Path, directory: str, is_there: bool, with_usage: bool) -> Home:
    from jhub_gateway.storage.usage import read_usage

    record, problem = None, ""
    try:
        record = read_record(root, directory)
    except StorageError as error:
        problem = str(error)
    usage = read_usage(usage_path(root, directory)) if with_usage else None
    last_start = read_last_start(root, directory)
    return Home(directory, record, is_there, last_start, usage, problem)


def _describe_orphan(root: Path, home: Home, now: float, unused_for: float | None) -> Iterator[str]:
    where = f"{HOMES}/{home.directory}"
    if home.problem:
        yield f"{where}: {home.problem}"
    elif home.record is None:
        command = make_command(root, home.directory, None)
        yield f"{where}: nobody has it; give it away: {command} --name NAME --next-login"
    elif not home.is_there and not home.record.unmade:
        yield f"{where}: {describe_lost(root, home.directory)}"
    elif unused_for is not None and home.last_start is not None:
        age = now - home.last_start
        if age >= unused_for:
            yield f"{where}: of {home.record.name!r}, last start {age / _DAY:.0f} days ago"


def _find_partial_files(folder: Path) -> Iterator[str]:
    for name in sorted(os.listdir(folder)):
        if name.startswith(".") and name.endswith(PARTIAL):
            yield f"{folder / name}: left by a process that was killed; remove it"


def _find_lost_names(root: Path, homes: dict[str, Home]) -> Iterator[str]:
    for name in sorted(os.listdir(root / NAMES)):
        path = root / NAMES / name
        if name.startswith("."):
            continue
        try:
            directory = read_name_file(path)
        except StorageError as error:
            yield f"{NAMES}/{name}: {error}"
            continue
        home = homes.get(directory or "")
        record = home.record if home else None
        if record is None:
            yield f"{NAMES}/{name}: leads to {HOMES}/{directory}, which nobody has; remove {path}"
        elif record.name is not None and name_path(root, record.name) != path:
            yield f"{NAMES}/{name}: its user is {record.name!r} now, harmless; remove {path}"


def _make_record(before: Record | None, change: Change) -> Record:
    kept = before or Record(None)
    name = change.name if change.name is not None else kept.name
    if change.identity == "subject":
        return Record(name, change.issuer, change.subject)
    if change.identity == "name":
        return Record(name)
    next_login = change.identity == "next login" or kept.next_login
    return Record(name, kept.issuer, kept.subject, next_login=next_login)


def _find_done(root: Path, directory: str, after: Record) -> str:
    """Say that the rename was done before, or raise StorageError if there is no such home."""
    if after.name is not None or after.subject is not None:
        found = read_record(root, after.directory)
        if found is not None and after.owner.identity == found.owner.identity:
            return f"{HOMES}/{after.directory} is of {describe_identity(after)} already"
    raise StorageError(f"there is no home {directory}; see `jhub-gateway storage list {root}`")


def _move(root: Path, directory: str, after: Record, dry_run: bool) -> list[str]:
    check_move(root, directory, after)
    if not dry_run:
        if read_move(root, directory) is None:
            set_name(root, after.owner.name, directory)
        if not move_home(root, directory, after):
            raise StorageError(
                f"{HOMES}/{directory} or {HOMES}/{after.directory} changed meanwhile, perhaps as "
                f"a server started: see `jhub-gateway storage list {root}`, and repeat this"
            )
    return [
        f"{HOMES}/{directory} becomes {HOMES}/{after.directory}",
        *_describe_change(after),
    ]


def _change(
    root: Path, directory: str, before: Record | None, after: Record, dry_run: bool
) -> list[str]:
    """Change what is noted of a home that keeps its directory."""
    check_name(root, directory, after)
    if before == after:
        return [f"{HOMES}/{directory} is as it should be; nothing to do"]
    if dry_run:
        return _describe_change(after)
    set_name(root, after.owner.name, directory)
    if before is None and not add_record(root, directory, after):
        raise StorageError(f"{HOMES}/{directory} has just got an owner; look who it is")
    if before is not None:
        last_start = read_last_start(root, directory)
        change_record(root, directory, after)
        set_last_start(root, directory, last_start)
        if before.name != after.name:
            drop_name(root, before.name, directory)
    return _describe_change(after)


def _describe_change(after: Record) -> list[str]:
    owner = f"its owner is {describe_identity(after)}, with the user name {after.name!r}"
    if not after.next_login:
        return [owner]
    return [owner, f"whoever logs in next as {after.name!r} gets it"]

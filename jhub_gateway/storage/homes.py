"""Before each start: the user's own home, never somebody else's, and never an empty one instead.

A home is made in this order, so that whoever is killed in between leaves what the next start
takes up: the directory for its usage, the empty home, the owner's file. A home without an owner's
file is nobody's, and is made anew only where it is empty.
"""

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jhub_gateway.errors import StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.storage import files
from jhub_gateway.storage.layout import check_layout
from jhub_gateway.storage.moves import (
    describe_identity,
    describe_lost,
    describe_name,
    describe_ownerless,
    finish_move,
    is_free,
    make_command,
    make_usage_directory,
    move_home,
)
from jhub_gateway.storage.owners import (
    Record,
    add_record,
    change_record,
    drop_name,
    is_owner,
    make_record,
    read_move,
    read_name,
    read_record,
    set_name,
    settle_record,
)
from jhub_gateway.storage.paths import RESCUE, home_path, owner_path, usage_path
from jhub_gateway.storage.problems import (
    LOST,
    MOVING,
    NAME_IN_USE,
    NO_OWNER,
    NOT_WRITABLE,
    OTHER_OWNER,
    UNKNOWN,
    UNSAFE,
    StorageError,
    can_use,
    describe,
    is_denied,
    is_full,
    make_refusal,
)

_HOME_MODE = 0o700
_TRIES = 8  # more than one only where another process changes the same home


def find_home(root: Path, owner: Owner) -> Path:
    """Return where the owner's home is on the share, whether or not it is there."""
    return home_path(root, make_directory_name(owner.identity))


def prepare_home(
    root: Path, owner: Owner, rescue: bool = False, make_directory: bool = True
) -> None:
    """See to it that the owner's home is there, is theirs, and can be written.

    ``rescue`` notes a start in rescue mode, for the next measure. Without ``make_directory``
    somebody else makes the home, and looks after its mode. Takes the same time whatever the home
    holds. Raises StartRefused.
    """
    check_layout(root)
    directory = make_directory_name(owner.identity)
    try:
        record = _find_record(root, directory, owner, make_directory)
        if make_directory:
            _check_home(home_path(root, directory))
        _note_start(root, directory, owner, record, rescue)
    except StorageError as problem:
        raise StartRefused(UNKNOWN, str(problem)) from None
    except OSError as error:
        raise make_refusal(root, error) from error


def _find_record(root: Path, directory: str, owner: Owner, make_directory: bool) -> Record:
    for _ in range(_TRIES):
        finish_move(root, directory)
        record = read_record(root, directory)
        if record is None:
            _get_home(root, directory, owner, make_directory)
        elif record.moved_from is not None and is_owner(record, owner):
            _await_home(root, directory, record)
        else:
            _check_owner(root, directory, owner, record)
            return _check_place(root, directory, record, make_directory)
    raise StartRefused(MOVING, f"other processes kept changing {owner_path(root, directory)}")


def _get_home(root: Path, directory: str, owner: Owner, make_directory: bool) -> None:
    """Get a home for an identity that has none: the one of its name if that is free, or a new one.

    Others may do the same at once, so that the result has to be looked at.
    """
    wanted = make_record(owner)
    last = read_name(root, owner.name)
    if last is not None and read_move(root, last) is not None:
        finish_move(root, last)  # perhaps to here
        return
    held = read_record(root, last) if last not in (None, directory) else None
    if last is not None and held is not None and held.name in (owner.name, None):
        if not held.next_login:
            raise StartRefused(NAME_IN_USE, describe_name(root, last, held, wanted))
        move_home(root, last, wanted)
        return
    if read_name(root, owner.name) != last:
        return  # that home was just moved, and the name leads to where
    if last not in (None, directory) and held is None and not is_free(home_path(root, last)):
        raise StartRefused(NO_OWNER, describe_ownerless(root, last, wanted))
    home = home_path(root, directory)
    if not is_free(home):
        raise StartRefused(NO_OWNER, describe_ownerless(root, directory, wanted))
    make_usage_directory(root, directory)
    if make_directory:
        _make_empty_home(home)
    add_record(root, directory, make_record(owner, unmade=not make_directory))


def _make_empty_home(home: Path) -> None:
    with suppress(FileExistsError):
        os.mkdir(home, _HOME_MODE)
    files.sync_directory(home.parent)


def _await_home(root: Path, directory: str, record: Record) -> None:
    """Finish the home's move to here. Without a note of it, it was done or undone by hand."""
    finish_move(root, record.moved_from or "")
    found = read_record(root, directory)
    if found is None or found.moved_from is None:
        return
    if not home_path(root, directory).is_dir():
        raise StartRefused(LOST, describe_lost(root, directory))
    settle_record(root, directory, found)


def _check_owner(root: Path, directory: str, owner: Owner, record: Record) -> None:
    if is_owner(record, owner):
        return
    wanted = make_record(owner)
    raise StartRefused(
        OTHER_OWNER,
        f"{home_path(root, directory)} is of {describe_identity(record)} by "
        f"{owner_path(root, directory)}, but the login is {describe_identity(wanted)}. If both "
        f"are one person: {make_command(root, directory, wanted)}",
    )


def _check_place(root: Path, directory: str, record: Record, make_directory: bool) -> Record:
    """Refuse a home that was lost. One that others make may be missing until they did."""
    may_be_missing = record.unmade and not make_directory
    # systemd's homes are links: one that leads nowhere is a lost home too.
    if not may_be_missing and not home_path(root, directory).exists():
        raise StartRefused(LOST, describe_lost(root, directory))
    return record


def _check_home(home: Path) -> None:
    if home.is_symlink() or not home.is_dir():
        kind = "is a symbolic link" if home.is_symlink() else "is no directory"
        raise StartRefused(UNSAFE, f"{home} {kind}: it is not opened. Put the directory there")
    if can_use(home):
        return
    with suppress(OSError):
        os.chmod(home, stat.S_IMODE(home.stat().st_mode) | _HOME_MODE)
    if not can_use(home):
        raise StartRefused(
            NOT_WRITABLE,
            f"uid {os.geteuid()} cannot write to the home: {describe(home)}. Give it that owner: "
            f"chown -R {os.geteuid()}:{os.getegid()} {home} on the storage server",
        )


def _note_start(root: Path, directory: str, owner: Owner, record: Record, rescue: bool) -> None:
    """Note what may have changed since the last start.

    A full disk must not stop this one, and no more must a note that a backup brought back as
    somebody else's file: the home is the user's, and that is known by now.
    """
    steps: list[Callable[[], None]] = [
        lambda: _note_name(root, directory, owner, record),
        lambda: os.utime(owner_path(root, directory)),
        lambda: make_usage_directory(root, directory),
        lambda: _note_rescue(usage_path(root, directory) / RESCUE, rescue),
    ]
    for step in steps:
        try:
            step()
        except (OSError, StorageError) as error:
            if isinstance(error, OSError) and not is_full(error) and not is_denied(error):
                raise
            print(f"the home {directory} could not be noted: {error}", file=sys.stderr)


def _note_name(root: Path, directory: str, owner: Owner, record: Record) -> None:
    set_name(root, owner.name, directory)
    unmade = record.unmade and not home_path(root, directory).exists()
    changed = replace(record, name=owner.name, unmade=unmade)
    if changed != record:
        change_record(root, directory, changed)
    if record.name != owner.name:
        drop_name(root, record.name, directory)


def _note_rescue(marker: Path, rescue: bool) -> None:
    if rescue:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT, 0o644))
    else:
        with suppress(FileNotFoundError):
            os.unlink(marker)

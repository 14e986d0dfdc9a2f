"""A home gets a new owner, and with it a new directory, whoever is killed at whatever moment.

In this order, each step whole or not at all:

1. a note ``owners/<source>.move`` says whose the home shall be: from here the move will be done;
2. the new owner's file, which says where the home is still on its way from;
3. the directory takes its new name;
4. the user names lead to it, the old owner's file goes, and so does the note;
5. the new owner's file is as any other.

Between any two of them a start of either identity, or the same command again, does the rest.
"""

import errno
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote

from jhub_gateway.errors import StartRefused
from jhub_gateway.storage import files
from jhub_gateway.storage.owners import (
    Record,
    add_move,
    add_record,
    drop_name,
    read_last_start,
    read_move,
    read_name,
    read_record,
    set_last_start,
    set_name,
    settle_record,
)
from jhub_gateway.storage.paths import (
    RESCUE,
    USAGE_RECORD,
    home_path,
    move_path,
    owner_path,
    usage_path,
)
from jhub_gateway.storage.problems import LOST, MOVING, NAME_IN_USE, NO_OWNER, UNSAFE


def move_home(root: Path, source: str, record: Record) -> bool:
    """Give the home in the directory ``source`` to ``record``'s identity, and move it there.

    The new owner's name must lead to it, so that a start of theirs finds the note of the move.
    Repeating goes on with what is left to do. False if another process changed one of the two
    homes meanwhile: look again. Raises StartRefused if that identity has a home already, or if
    this one can't be moved; then nothing has changed.
    """
    check_move(root, source, record)
    add_move(root, source, record)
    return read_move(root, source) in (record, None) and finish_move(root, source)


def check_move(root: Path, source: str, record: Record) -> None:
    """Raise StartRefused unless the move can begin, or is under way."""
    under_way = read_move(root, source)
    if under_way == record:
        return
    if under_way is not None:
        raise StartRefused(MOVING, describe_move(root, source))
    home, target = home_path(root, source), record.directory
    if home.is_symlink():
        raise StartRefused(UNSAFE, f"{home} is a symbolic link: move what it leads to by hand")
    if not home.is_dir():
        raise StartRefused(LOST, describe_lost(root, source))
    if read_record(root, target) is not None:
        raise StartRefused(NAME_IN_USE, describe_target(root, source, record))
    if not is_free(home_path(root, target)):
        raise StartRefused(NO_OWNER, describe_ownerless(root, target, record))
    check_name(root, source, record)


def check_name(root: Path, source: str, record: Record) -> None:
    """Raise StartRefused if the record's user name is that of another home's user."""
    if record.name is None:
        return
    holder = read_name(root, record.name)
    if holder is None or holder in (source, record.directory):
        return
    held = read_record(root, holder)
    if held is not None and held.name in (record.name, None):
        raise StartRefused(NAME_IN_USE, describe_name(root, holder, held, record))


def finish_move(root: Path, source: str) -> bool:
    """Do what is left of the home's move, if one is under way.

    False if it was given up: the new owner got another home meanwhile, or there is none to move.
    Raises StartRefused if the home can't be moved.
    """
    record = read_move(root, source)
    if record is None:
        return True
    target = record.directory
    # In this order: who moves the home away writes the new owner's file before.
    if not os.path.lexists(home_path(root, source)) and read_record(root, target) is None:
        files.remove(move_path(root, source))
        return False
    make_usage_directory(root, target)
    if not add_record(root, target, replace(record, moved_from=source)):
        found = read_record(root, target)
        if found is None or found.moved_from != source:
            # Either all is done but for the note, or the file is that of another home.
            is_done = not _is_there(root, source)
            files.remove(move_path(root, source))
            return is_done
    _move_directory(root, source, target)
    _move_notes(root, source, record)
    return True


def make_usage_directory(root: Path, directory: str) -> None:
    """Make the directory for the home's usage: a server can't mount what is missing."""
    files.make_readable_directory(usage_path(root, directory))


def is_free(home: Path) -> bool:
    """Whether a home can be made there: nothing is, or an empty directory."""
    try:
        with os.scandir(home) as entries:
            return not home.is_symlink() and next(entries, None) is None
    except FileNotFoundError:
        return not home.is_symlink()
    except NotADirectoryError:
        return False


def _is_there(root: Path, source: str) -> bool:
    return os.path.lexists(home_path(root, source)) or owner_path(root, source).exists()


def _move_directory(root: Path, source: str, target: str) -> None:
    """Rename it. The system call replaces an empty directory, and no other."""
    old, new = home_path(root, source), home_path(root, target)
    try:
        os.rename(old, new)
    except FileNotFoundError:
        if not new.is_dir():
            raise StartRefused(LOST, describe_lost(root, source)) from None
        return  # done before, or by somebody else just now
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise StartRefused(NO_OWNER, f"{old} can't be moved: {new} is not empty") from None
    files.sync_directory(new.parent)


def _move_notes(root: Path, source: str, record: Record) -> None:
    target = record.directory
    if record.name is not None:
        set_name(root, record.name, target)
    _move_usage(usage_path(root, source), usage_path(root, target))
    before, last_start = read_record(root, source), read_last_start(root, source)
    # Another process may have done all this, and the old owner may have got a new home since.
    if before is not None and read_move(root, source) is not None:
        drop_name(root, before.name, source)
        files.remove(owner_path(root, source))
    files.remove(move_path(root, source))
    found = read_record(root, target)
    if found is not None and found.moved_from == source:
        settle_record(root, target, found)
        set_last_start(root, target, last_start)


def _move_usage(old: Path, new: Path) -> None:
    """Take along what was measured. What fails is measured again."""
    for name in (USAGE_RECORD, RESCUE):
        with suppress(OSError):
            os.rename(old / name, new / name)
    with suppress(OSError):
        os.rmdir(old)


def describe_move(root: Path, source: str) -> str:
    """Return which command ends the move that is under way."""
    record = read_move(root, source)
    return (
        f"another rename of the home {source} is not finished; finish it first: "
        f"{make_command(root, source, record)}"
    )


def describe_target(root: Path, source: str, record: Record) -> str:
    """Return why the new owner can't have the home."""
    return (
        f"{describe_identity(record)} has a home already, {record.directory}: the home {source} "
        f"stays as it is. Let them keep one: move the other's files away, then remove "
        f"{owner_path(root, record.directory)} and {home_path(root, record.directory)}"
    )


def describe_name(root: Path, holder: str, held: Record, wanted: Record) -> str:
    """Return whose home has the user name, and the two commands that settle whose it is."""
    name = wanted.name or ""
    free = make_command(root, holder, replace(held, name=f"{name}-former"))
    give = make_command(root, holder, wanted)
    return (
        f"the user name {name!r} is that of the home {holder} of {describe_identity(held)}, and "
        f"now of {describe_identity(wanted)}. If both are one person: {give} ; if not: {free}"
    )


def describe_ownerless(root: Path, directory: str, wanted: Record) -> str:
    """Return how a home that nobody has gets an owner."""
    return (
        f"{home_path(root, directory)} exists and isn't empty, but {owner_path(root, directory)} "
        f"is missing. Find out whose it is. If it is of {describe_identity(wanted)}: "
        f"{make_command(root, directory, wanted)}"
    )


def describe_lost(root: Path, directory: str) -> str:
    """Return where the home should be, and how its owner can get a new one."""
    return (
        f"{home_path(root, directory)} is missing, which {owner_path(root, directory)} is about. "
        "Bring it back from a snapshot or a backup; if it shall be a new one, remove that file"
    )


def describe_identity(record: Record) -> str:
    """Return what the home is tied to, for an operator."""
    if record.subject is not None:
        return f"subject {record.subject!r} at {record.issuer!r}"
    return f"the name {record.name!r}"


def make_command(root: Path, directory: str, record: Record | None) -> str:
    """Return the command that gives the home to ``record``'s identity and name."""
    words = ["jhub-gateway", "storage", "rename", str(root), directory]
    if record is not None and record.name is not None:
        words += ["--name", record.name]
    if record is not None and record.subject is not None:
        words += ["--issuer", record.issuer or "", "--subject", record.subject]
    elif record is not None:
        words += ["--next-login" if record.next_login else "--by-name"]
    return " ".join(map(quote, words))

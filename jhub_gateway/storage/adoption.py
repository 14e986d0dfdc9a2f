"""From layout 1, where only a home's directory said whose it is, to notes of the owners."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from jhub_gateway.errors import IdentityError
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.layout import HOMES, NAMES
from jhub_gateway.storage import files
from jhub_gateway.storage.owners import Record, add_record, set_last_start
from jhub_gateway.storage.paths import owner_path, usage_path

_HASHED = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,29}~[0-9a-f]{64}")


def adopt_homes(root: Path, dry_run: bool) -> Iterator[str]:
    """Give each home without an owner to whoever logs in next by the name that it was made for."""
    found = sorted(entry.name for entry in os.scandir(root / HOMES)) if _has_homes(root) else []
    homes = [one for one in found if not owner_path(root, one).exists()]
    adopted = 0
    for directory in homes:
        name = read_directory_name(directory)
        if name is None and not _HASHED.fullmatch(directory):
            yield f"left {HOMES}/{directory}, which no user name leads to"
            continue
        if not dry_run:
            _adopt(root, directory, name)
        adopted += 1
    if adopted:
        yield f"noted the owners of {adopted} homes: each is its user name's at the next login"


def read_directory_name(directory: str) -> str | None:
    """Return the identity that the directory is named after, or None where it doesn't tell."""
    try:
        text = re.sub(rb"_([0-9a-f]{2})", _unescape, directory.encode()).decode()
        return text if make_directory_name(text) == directory else None
    except (UnicodeError, IdentityError):
        return None


def _adopt(root: Path, directory: str, name: str | None) -> None:
    files.make_readable_directory(usage_path(root, directory))
    # In layout 1 a home's directory was named after the user name, as the files of names/ are.
    files.write_new(root / NAMES / directory, f"{directory}\n")
    add_record(root, directory, Record(name, next_login=True))
    set_last_start(root, directory, (root / HOMES / directory).stat().st_mtime)  # a guess


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])


def _has_homes(root: Path) -> bool:
    return (root / HOMES).is_dir()

"""The notes on the share that say whose each home is, and which home a user name had last."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jhub_gateway.models import Owner
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.storage import files
from jhub_gateway.storage.paths import move_path, name_path, owner_path
from jhub_gateway.storage.problems import StorageError


@dataclass(frozen=True, slots=True)
class Record:
    """What an owner file says.

    ``name`` is None where a home of layout 1 doesn't tell it. Whoever logs in by the name next
    gets the home if ``next_login`` is set. ``moved_from`` is the directory that the home is
    still on its way from. The home may be missing while it is ``unmade``.
    """

    name: str | None
    issuer: str | None = None
    subject: str | None = None
    next_login: bool = False
    moved_from: str | None = None
    unmade: bool = False

    @property
    def owner(self) -> Owner:
        """Whose the home is. Only for a record with a name."""
        return Owner(self.name or "", self.issuer, self.subject)

    @property
    def directory(self) -> str:
        """The directory of this identity's home. Only for a record with a name."""
        return make_directory_name(self.owner.identity)


def make_record(owner: Owner, **more: Any) -> Record:
    """Return the record of a home of ``owner``."""
    return Record(owner.name, owner.issuer, owner.subject, **more)


def is_owner(record: Record, owner: Owner) -> bool:
    """Whether the home is this login's. Its name may have changed where it has a subject."""
    if (record.issuer, record.subject) != (owner.issuer, owner.subject):
        return False
    return owner.subject is not None or record.name in (owner.name, None)


def read_record(root: Path, directory: str) -> Record | None:
    """Return whose the home is, or None if nobody has it. Raises StorageError if it is broken."""
    return _read(owner_path(root, directory))


def read_move(root: Path, directory: str) -> Record | None:
    """Return whose the home shall be once a move that is under way is done."""
    return _read(move_path(root, directory))


def add_record(root: Path, directory: str, record: Record) -> bool:
    """Write the record unless the home has one; return whether this call did."""
    return files.write_new(owner_path(root, directory), _format(record))


def add_move(root: Path, directory: str, record: Record) -> bool:
    """Note that the home shall be ``record``'s; False if such a note is there already."""
    return files.write_new(move_path(root, directory), _format(record))


def change_record(root: Path, directory: str, record: Record) -> None:
    """Write the record in the place of the one that may be there."""
    files.replace(owner_path(root, directory), _format(record))


def read_last_start(root: Path, directory: str) -> float | None:
    """Return when a server of the home started last, in seconds since 1970; None without owner.

    It is the time of the owner's file, which each start sets.
    """
    try:
        return owner_path(root, directory).stat().st_mtime
    except FileNotFoundError:
        return None


def set_last_start(root: Path, directory: str, seconds: float | None) -> None:
    """Set it to what it was before something else than a start wrote the owner's file."""
    if seconds is not None:
        os.utime(owner_path(root, directory), (seconds, seconds))


def settle_record(root: Path, directory: str, record: Record) -> Record:
    """Write and return the record without what held only while the home was made or moved."""
    settled = replace(record, moved_from=None, unmade=False)
    change_record(root, directory, settled)
    return settled


def read_name(root: Path, name: str) -> str | None:
    """Return the directory of the home that had this user name last, or None."""
    return read_name_file(name_path(root, name))


def read_name_file(path: Path) -> str | None:
    """Return what a file of names/ leads to. Raises StorageError if that is no directory name."""
    text = files.read_text(path)
    if text is None:
        return None
    if not is_directory_name(text.strip()):
        raise StorageError(f"{path} is broken: {text[:80]!r} is no home's name; remove it")
    return text.strip()


def set_name(root: Path, name: str, directory: str) -> None:
    """Let the user name lead to the home."""
    if read_name(root, name) != directory:
        files.replace(name_path(root, name), f"{directory}\n")


def drop_name(root: Path, name: str | None, directory: str) -> None:
    """Remove the user name if it still leads to the home."""
    if name is not None and read_name(root, name) == directory:
        files.remove(name_path(root, name))


def is_directory_name(text: str) -> bool:
    """Whether the text is one component of a path that a home may have."""
    return bool(text) and len(text) <= 100 and not text.startswith(".") and "/" not in text


def _read(path: Path) -> Record | None:
    try:
        text = files.read_text(path)
        return None if text is None else _parse(json.loads(text))
    except ValueError as error:
        raise StorageError(
            f"{path} is broken ({error}): restore it from a backup. Without one, move it away, "
            "and give the home its owner with `jhub-gateway storage rename`"
        ) from None


def _parse(data: Any) -> Record:
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    texts = [data.get(key) for key in ("name", "issuer", "subject", "moved_from")]
    if any(text is not None and not isinstance(text, str) for text in texts):
        raise ValueError("a name, issuer or subject that is no text")
    name, issuer, subject, moved_from = texts
    if (issuer is None) != (subject is None):
        raise ValueError("an issuer without a subject, or the other way round")
    if moved_from is not None and not is_directory_name(moved_from):
        raise ValueError("moved from no home")
    flags = {key: data.get(key) is True for key in ("next_login", "unmade")}
    return Record(name, issuer, subject, moved_from=moved_from, **flags)


def _format(record: Record) -> str:
    always = ("name", "issuer", "subject")
    data = {key: value for key, value in asdict(record).items() if value or key in always}
    return json.dumps(data) + "\n"

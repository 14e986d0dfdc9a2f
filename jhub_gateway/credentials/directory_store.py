"""Credentials on one machine: a directory of files per user, outside the homes."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from jhub_gateway.credentials.digests import make_digest
from jhub_gateway.credentials.file_sets import lock, make_root, read_files, try_lock, write_files
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.policy.directories import make_directory_name

OWNER_ONLY = 0o600
READABLE = 0o644

# No directory's name starts with a dot.
_ROOT_LOCK = ".lock"
_NOTHING = ""  # has been seen yet
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class DirectoryStore:
    """A CredentialStore at ``<root>/<directory name of the identity>/``.

    ``root`` is a directory that only the hub's account may enter; it is made if it isn't there.
    ``mode`` is the files': 0o600, or 0o644 where each user's directory is mounted for their server,
    which runs under another account. The directory can be entered by those who can read the files.
    """

    def __init__(self, root: Path, identity: str, username: str, mode: int = OWNER_ONLY) -> None:
        self._root = root
        self._path = root / make_directory_name(identity)
        self._username = username
        self._mode = mode
        self._right: IO[str] | None = None
        self._seen: str | None = _NOTHING

    @property
    def username(self) -> str:
        """The user's name at the hub."""
        return self._username

    @property
    def path(self) -> Path:
        """The directory of the user's files; there after the first write."""
        return self._path

    async def claim(self) -> bool:
        """See CredentialStore. The right of a process ends with the process."""
        return await _run(self._claim)

    async def release(self) -> None:
        """See CredentialStore."""
        right, self._right = self._right, None
        if right is not None:
            right.close()

    async def write(self, files: Mapping[str, bytes]) -> bool:
        """See CredentialStore."""
        changed = await _run(lambda: self._write(files))
        await self.release()
        return changed

    async def look(self) -> None:
        """See CredentialStore. Each write looks."""

    async def remove(self) -> None:
        """See CredentialStore."""
        await _run(self._remove)
        await self.release()

    def _claim(self) -> bool:
        make_root(self._root)
        right = self._right or try_lock(_name_claim(self._path))
        if right is None:
            return False
        found = _read_digest(self._path)
        if self._seen in (_NOTHING, found):
            self._seen = found
            self._right = right
            return True
        right.close()
        self._right, self._seen = None, found
        return False

    def _write(self, files: Mapping[str, bytes]) -> bool:
        make_root(self._root)
        with lock(self._root / _ROOT_LOCK):
            _note_username(self._path, self._username)
            changed = write_files(self._path, files, self._mode)
        self._seen = make_digest(files)
        return changed

    def _remove(self) -> None:
        if not self._root.exists():
            return
        make_root(self._root)
        digest = self._seen or _read_digest(self._path)
        if digest is not None:
            _remove(self._path, digest, self._right)
        self._seen = _NOTHING


@dataclass(frozen=True, slots=True)
class FoundDirectory:
    """A FoundStore: a user's directory as it was when the hub listed all of them."""

    username: str
    key: str
    path: Path
    _digest: str

    async def remove(self) -> None:
        """See FoundStore."""
        await _run(lambda: _remove(self.path, self._digest))


async def list_directory_stores(root: Path) -> list[FoundDirectory]:
    """Return all users' directories. Raises CredentialUnavailable."""
    return await _run(lambda: _list(root))


def _list(root: Path) -> list[FoundDirectory]:
    make_root(root)
    with lock(root / _ROOT_LOCK):
        paths = [Path(each.path) for each in os.scandir(root) if not each.name.startswith(".")]
        return [
            FoundDirectory(*_read_note(path), path, digest)
            for path in sorted(paths)
            if (digest := _read_digest(path)) is not None
        ]


def _remove(path: Path, digest: str, right: IO[str] | None = None) -> None:
    claim = _name_claim(path)
    with lock(path.parent / _ROOT_LOCK), right or try_lock(claim) or nullcontext() as held:
        # Whoever renews it now is about to change it.
        if held is not None and _read_digest(path) == digest:
            shutil.rmtree(path)
            claim.unlink()


def _note_username(path: Path, username: str) -> None:
    """Write beside the files whose they are: a directory's name can't always tell."""
    if _read_note(path)[0] != username:
        with os.fdopen(os.open(_name_claim(path), _WRITE, OWNER_ONLY), "w") as note:
            json.dump([username, f"{path.name} {token_hex(8)}"], note)


def _read_note(path: Path) -> tuple[str, str]:
    """Return the user's name and the store's key."""
    try:
        username, key = json.loads(_name_claim(path).read_text())
    except (FileNotFoundError, ValueError):
        return "", path.name
    return str(username), str(key)


def _name_claim(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _read_digest(path: Path) -> str | None:
    files = read_files(path)
    return None if files is None else make_digest(files)


async def _run(action: Callable[[], Any]) -> Any:
    try:
        return await asyncio.to_thread(action)
    except (OSError, ValueError) as problem:
        raise CredentialUnavailable(str(problem)) from problem

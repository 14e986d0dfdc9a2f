"""A backup of the hub's database: one SQLite file, whatever kind the database is of.

It holds what the database does, users' encrypted logins and hashed tokens included.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from jhub_gateway.upgrade.database_copy import DatabaseError, copy_database

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_PARTIAL = ".part"


def back_up(database: Engine, path: Path) -> dict[str, int]:
    """Write the backup and compare it; return each table's number of rows.

    A file that is there already is replaced once the new one is whole. Raises DatabaseError,
    SQLAlchemyError and OSError.
    """
    path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    partial = path.with_name(path.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    # Before anything is in it: what SQLite makes anybody may read.
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
    try:
        with _open(partial) as file:
            copied = copy_database(database, file)
        _sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return copied


def restore(path: Path, database: Engine, *, replace: bool = False) -> dict[str, int]:
    """Bring a backup back into an empty database; return each table's number of rows.

    With ``replace`` the tables that are there are removed first. Raises as ``back_up`` does.
    """
    if not path.is_file():
        raise DatabaseError(f"{path}: there is no such file")
    with _open(path) as file:
        return copy_database(file, database, replace=replace)


@contextmanager
def _open(path: Path) -> Iterator[Engine]:
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
    try:
        yield engine
    finally:
        engine.dispose()


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)

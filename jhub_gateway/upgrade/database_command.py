"""``jhub-gateway database``: a backup of the hub's database, and back. Beside a hub's settings."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jhub_gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Engine

CONFIG_FILE = Path("/usr/local/etc/jupyterhub/jupyterhub_config.py")
"""Where Zero to JupyterHub has the hub's settings."""

_BACKUP = """
Copy the hub's database, of whatever kind, into one SQLite file that nobody else may read, and
compare both. It holds users' encrypted logins and hashed tokens.
"""
_RESTORE = """
Bring a backup back into an empty database, of the same kind or of another. Stop the hub first.
"""


def add_database_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``database`` and its own commands to a parser's commands."""
    database = commands.add_parser("database", help="back up the hub's database, and restore it")
    own = database.add_subparsers(required=True, metavar="COMMAND")
    backup = own.add_parser("backup", help="write a backup", description=_BACKUP)
    backup.add_argument("--to", type=Path, required=True, metavar="FILE", help="the backup")
    backup.set_defaults(run=run_backup)
    restore = own.add_parser("restore", help="bring a backup back", description=_RESTORE)
    restore.add_argument(
        "--from", type=Path, required=True, metavar="FILE", dest="source", help="the backup"
    )
    restore.add_argument(
        "--replace", action="store_true", help="first remove all tables that are there"
    )
    restore.set_defaults(run=run_restore)
    for parser in (backup, restore):
        parser.add_argument(
            "--config",
            type=Path,
            default=CONFIG_FILE,
            metavar="FILE",
            help=f"the hub's settings, which say where its database is (default: {CONFIG_FILE})",
        )


def run_backup(options: argparse.Namespace) -> str:
    """Write a backup."""
    from jhub_gateway.upgrade.backup import back_up

    with open_hub_database(options.config) as database:
        copied = back_up(database, options.to)
    return f"{options.to}: a backup of {_describe(copied)}"


def run_restore(options: argparse.Namespace) -> str:
    """Bring a backup back."""
    from jhub_gateway.upgrade.backup import restore

    with open_hub_database(options.config) as database:
        copied = restore(options.source, database, replace=options.replace)
    return f"brought back {_describe(copied)} from {options.source}"


@contextmanager
def open_hub_database(config: Path) -> "Iterator[Engine]":
    """Give the database that the hub with this configuration file has.

    Raises FileNotFoundError, and what the file itself raises.
    """
    from jupyterhub.app import JupyterHub
    from sqlalchemy import create_engine

    if not config.is_file():
        raise FileNotFoundError(f"{config}: there is no such file; name it with --config")
    if config.suffix not in (".py", ".json"):
        # JupyterHub would read nothing of it, and take its own default for the database.
        raise ConfigurationError(f"{config}: a hub's settings are in a file that ends with .py")
    app = JupyterHub()
    app.load_config_file(str(config.resolve()))
    # An error's text goes to a log: it has none of the rows.
    engine = create_engine(app.db_url, **{**app.db_kwargs, "hide_parameters": True})
    try:
        yield engine
    finally:
        engine.dispose()


def _describe(copied: Mapping[str, int]) -> str:
    rows = sum(copied.values())
    return f"{len(copied)} tables with {rows} rows, {copied.get('users', 0)} of them users"

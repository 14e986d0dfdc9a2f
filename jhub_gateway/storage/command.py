"""``jhub-gateway storage``: for operators, where the share is mounted."""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jhub_gateway.errors import StartRefused
from jhub_gateway.storage.problems import StorageError

if TYPE_CHECKING:
    from jhub_gateway.storage.records import Home, Identity

_DAY = 86400.0
_COLUMNS = ("HOME", "NAME", "IDENTITY", "LAST START", "SIZE")
_WIDEST = 60  # characters that a column is padded to; what is longer is not cut

_RENAME = """
Give a home to another login, or another user name. A new identity moves it to that identity's
directory. Repeat the command if it was interrupted: it does the rest.

Stop the user's servers first: this command can't know whether any run. One that does keeps the
home that it has mounted, but a container of it that restarts would get an empty one.
"""
_MEASURE = """
Measure what homes and data sets take, and keep it below usage/. A start never does: run this every
now and then.
"""


def add_storage_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Add ``storage`` and its own commands to a parser's commands; return its own."""
    storage = commands.add_parser("storage", help="look after the volume of homes and shared data")
    own = storage.add_subparsers(required=True, metavar="COMMAND")
    init = _add(own, "init", run_init, "prepare an empty volume, or bring an older one up to date")
    _add_dry_run(init)
    _add(own, "list", run_list, "list all homes, and whose they are")
    orphans = _add(own, "orphans", run_orphans, "list what nobody has, and what was left half done")
    orphans.add_argument(
        "--unused-for", type=float, metavar="DAYS", help="also homes without a start for so long"
    )
    _add_rename(own)
    measure = _add(own, "measure", run_measure, "measure what homes and data sets take", _MEASURE)
    measure.add_argument(
        "--max-age",
        type=float,
        default=21600.0,
        metavar="SECONDS",
        help="leave what was measured less than this ago (default: 21600, six hours)",
    )
    measure.add_argument(
        "--every", type=float, metavar="SECONDS", help="go on, and start again so often"
    )
    return own


def run_init(options: argparse.Namespace) -> str:
    """Bring the share to this release's layout."""
    from jhub_gateway.storage.layout import init_share

    return _format_done(init_share(options.root, options.dry_run), options.dry_run)


def run_list(options: argparse.Namespace) -> str:
    """Return a table of all homes."""
    from jhub_gateway.storage.records import list_homes

    rows = [_make_row(home) for home in list_homes(options.root, with_usage=True)]
    return _format_table(rows) if rows else f"{options.root} has no homes"


def run_orphans(options: argparse.Namespace) -> str:
    """Return a line for each thing that nobody has."""
    from jhub_gateway.storage.records import find_orphans

    unused_for = None if options.unused_for is None else options.unused_for * _DAY
    found = list(find_orphans(options.root, time.time(), unused_for))
    return "\n".join(found) if found else f"{options.root}: nothing is without an owner"


def run_rename(options: argparse.Namespace) -> str:
    """Give a home another owner or name."""
    from jhub_gateway.storage.records import Change, rename_home

    if (options.issuer is None) != (options.subject is None):
        raise StorageError("--issuer and --subject belong together: give both")
    change = Change(options.name, _read_identity(options), options.issuer, options.subject)
    if change == Change():
        raise StorageError("say what shall change; see `jhub-gateway storage rename --help`")
    try:
        done = rename_home(options.root, options.home, change, options.dry_run)
    except StartRefused as refusal:
        raise StorageError(refusal.cause) from None
    return _format_done(done, options.dry_run)


def run_measure(options: argparse.Namespace) -> str:
    """Measure once, or again and again."""
    while True:
        said = _measure(options.root, options.max_age)
        if options.every is None:
            return said
        print(said, flush=True)
        time.sleep(options.every)


def _read_identity(options: argparse.Namespace) -> "Identity | None":
    asked: dict[Identity, bool] = {
        "subject": options.subject is not None,
        "next login": options.next_login,
        "name": options.by_name,
    }
    if sum(asked.values()) > 1:
        raise StorageError("give one of --issuer with --subject, --next-login and --by-name")
    return next((identity for identity, is_asked in asked.items() if is_asked), None)


def _measure(root: Path, max_age: float) -> str:
    from jhub_gateway.storage.records import check_share
    from jhub_gateway.storage.usage import measure_share

    check_share(root)
    measured = measure_share(root, max_age)
    problems = [f"{one.directory}: {one.problem}" for one in measured if one.problem]
    return "\n".join([*problems, f"measured {len(measured)} directories of {root}"])


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], str],
    text: str,
    description: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=description or text)
    parser.add_argument("root", type=Path, metavar="ROOT", help="where the volume is mounted")
    parser.set_defaults(run=run)
    return parser


def _add_rename(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rename = _add(commands, "rename", run_rename, "give a home another owner or name", _RENAME)
    rename.add_argument("home", metavar="HOME", help="its directory, as `storage list` names it")
    rename.add_argument("--name", help="the user name that it is of now")
    rename.add_argument("--issuer", metavar="URL", help="with --subject: the login that gets it")
    rename.add_argument("--subject", metavar="SUB", help="with --issuer: the login that gets it")
    rename.add_argument(
        "--next-login", action="store_true", help="whoever logs in next by its user name gets it"
    )
    rename.add_argument(
        "--by-name", action="store_true", help="for logins that have a user name and no subject"
    )
    _add_dry_run(rename)


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, no more")


def _format_done(sentences: Iterable[str], dry_run: bool) -> str:
    if not dry_run:
        return "\n".join(sentences)
    return "\n".join(["dry run, nothing is changed:", *sentences])


def _make_row(home: "Home") -> tuple[str, ...]:
    from jhub_gateway.policy.quantities import format_memory

    directory = home.directory if home.is_there else f"{home.directory} (missing)"
    name = (home.record.name if home.record else None) or "-"
    used = format_memory(home.usage.used) if home.usage else "-"
    started = datetime.fromtimestamp(home.last_start, UTC) if home.last_start else None
    start = started.strftime("%Y-%m-%d %H:%M") if started else "-"
    return (directory, name, _describe_identity(home), start, used)


def _describe_identity(home: "Home") -> str:
    record = home.record
    if record is None:
        return "broken owner file" if home.problem else "nobody"
    known = f"{record.subject} at {record.issuer}" if record.subject is not None else "by name"
    if record.next_login:
        return "next login" if record.subject is None else f"{known}, or next login"
    return known


def _format_table(rows: Sequence[tuple[str, ...]]) -> str:
    table = [_COLUMNS, *rows]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*table, strict=True)]
    return "\n".join(_format_row(row, widths) for row in table)


def _format_row(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
    return "  ".join(padded).rstrip()

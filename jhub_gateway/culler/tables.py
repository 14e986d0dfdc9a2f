"""What a dry run shows."""

import math
from collections.abc import Iterable, Sequence

from jhub_gateway.clients.cull_client import Account
from jhub_gateway.culler.passes import CLEAR, UNKNOWN, PassResult, Row, describe_use
from jhub_gateway.policy.cull_words import describe_duration

_COLUMNS = ("USER", "SERVER", "PROFILE", "WOULD", "CAUSE", "STOPS IN", "USE")
_WIDEST = 40  # characters that a column is padded to; what is longer is not cut
_ACTS = {
    "warn": "be warned of",
    "stop": "be stopped",
    CLEAR: "not stop any more",
    UNKNOWN: "be asked again",
}
_DAY = 86400


def make_pass_table(result: PassResult) -> str:
    """Return the table of what a pass would do, and a line that counts what it found."""
    acts = result.acts
    summary = (
        f"dry run, nothing is changed: of {result.servers} servers {acts['stop']} would be stopped "
        f"and {acts['warn']} be warned of; {acts[UNKNOWN]} did not say how they are used"
    )
    rows = [_make_row(row) for row in sorted(result.rows, key=_order)]
    return "\n".join([*_format_table([_COLUMNS, *rows]), summary] if rows else [summary])


def make_account_table(accounts: Iterable[Account], days: float, removes: bool) -> str:
    """Return the accounts that were not used for so long."""
    rows = [(one.name, describe_duration(one.unused_for or 0)) for one in accounts]
    would = "would be removed; their homes are kept" if removes else "stay: see --remove-users"
    summary = f"{len(rows)} accounts were not used for {days:g} days: they {would}"
    return "\n".join(
        [*_format_table([("USER", "UNUSED FOR"), *rows]), summary] if rows else [summary]
    )


def _order(row: Row) -> tuple[float, str, str]:
    return row.seconds, row.server.user, row.server.name


def _make_row(row: Row) -> tuple[str, ...]:
    server = row.server
    seconds = "-" if math.isinf(row.seconds) else describe_duration(max(row.seconds, 0))
    use = describe_use(row.use, row.busy)
    return server.user, server.name, server.profile, _ACTS[row.act], row.cause, seconds, use


def _format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

"""``jhub-gateway link``: a link into a notebook, as a gateway's page has it; to try one."""

import argparse
import time
from pathlib import Path

from jhub_gateway.errors import ConfigurationError, LinkRefused
from jhub_gateway.policy.entry_values import read_component
from jhub_gateway.policy.links import (
    PREFIX,
    REQUEST,
    list_values,
    make_address,
    parse_link,
    parse_query,
)

_DESCRIPTION = """
Print the address that opens a notebook at a hub: signed, with --issuer and --key-file, or without a
signature, for what the hub's unsigned_links lets anybody open. Nothing is asked of the hub.
"""


def add_link_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``link`` to a parser's commands."""
    parser = commands.add_parser(
        "link", help="print a link that opens a notebook", description=_DESCRIPTION
    )
    parser.add_argument("notebook", metavar="PATH", help="the notebook, below the home")
    parser.add_argument(
        "--hub", required=True, metavar="URL", help="the hub's address, such as https://host"
    )
    parser.add_argument("--dataset", metavar="NAME", default="", help="a data set of the hub's")
    parser.add_argument(
        "--profile", metavar="SLUG", default="", help="the size. Default: by the data set's size"
    )
    parser.add_argument(
        "--run", dest="gateway_run", metavar="TEXT", default="", help="the gateway's own run"
    )
    parser.add_argument(
        "--param", metavar="NAME=TEXT", action="append", default=[], help="a parameter; repeatable"
    )
    parser.add_argument("--issuer", metavar="TEXT", help="the gateway, as link_gateways has it")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="the key; its id is the file's name"
    )
    parser.add_argument(
        "--hours", type=float, default=24, metavar="N", help="how long it holds. Default: 24"
    )
    parser.set_defaults(run=run_link)


def run_link(options: argparse.Namespace) -> str:
    """Return the link. Raises ConfigurationError for what no hub would open."""
    # PyJWT comes with the hub's packages, and the other commands run in the user's image, too.
    from jhub_gateway.policy.link_signatures import sign_claims

    if bool(options.issuer) != bool(options.key_file):
        raise ConfigurationError("a signed link needs both --issuer and --key-file")
    try:
        values = _read_values(options)
        if options.key_file:
            ends = int(time.time() + 3600 * options.hours)
            claims = {"iss": options.issuer, "exp": ends, **values}
            values = {REQUEST: sign_claims(claims, *_read_key(options.key_file))}
        address = make_address(options.hub, values)
        parse_query(address.partition("?")[2])
    except LinkRefused as refusal:
        # What comes after the first sentence is for who follows a link.
        raise ConfigurationError(str(refusal).partition(". ")[0]) from None
    return address


def _read_values(options: argparse.Namespace) -> dict[str, str]:
    """Return the link's parameters. Raises ConfigurationError or LinkRefused."""
    values = {
        "notebook": options.notebook,
        "dataset": options.dataset,
        "profile": options.profile,
        "run": options.gateway_run,
    }
    for pair in options.param:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigurationError(f"--param {pair!r} is not NAME=TEXT")
        values[f"{PREFIX}{name}"] = value
    return list_values(parse_link({name: value for name, value in values.items() if value}))


def _read_key(file: Path) -> tuple[str, bytes]:
    """Return the key's id and the key."""
    from jhub_gateway.policy.link_signatures import SHORTEST_KEY

    key = file.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(
            f"{file} has {len(key)} bytes, and {SHORTEST_KEY} are the fewest of a key. Make a new "
            "one with: openssl rand -hex 32"
        )
    return read_component(file.name), key

"""``jhub-gateway announce``: a sentence for all users, on the hub's pages."""

import argparse

from jhub_gateway.clients.hub_api import get_hub_access, put_announcement
from jhub_gateway.errors import ConfigurationError

_COMMAND = "jhub-gateway announce"
_DESCRIPTION = """
Show a sentence on the hub's pages until it is taken back, or the hub starts anew. It asks the hub,
at JUPYTERHUB_API_URL with JUPYTERHUB_API_TOKEN, the token of a service with the scope admin-ui. In
the hub's own pod: kubectl exec deploy/hub -- jhub-gateway announce "The hub is upgraded at 14:00."
"""


def add_announce_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``announce`` to a parser's commands."""
    parser = commands.add_parser(
        "announce", help="show users a sentence on the hub's pages", description=_DESCRIPTION
    )
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="plain text")
    parser.add_argument("--clear", action="store_true", help="take back what is announced")
    parser.set_defaults(run=run_announce)


def run_announce(options: argparse.Namespace) -> str:
    """Announce the text, or nothing any more."""
    text = options.text.strip()
    if bool(text) == options.clear:
        raise ConfigurationError(f"give a text or --clear; see {_COMMAND} --help")
    url, token = get_hub_access(_COMMAND)
    put_announcement(url, token, text)
    return f"announced: {text}" if text else "nothing is announced any more"

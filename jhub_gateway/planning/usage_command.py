"""``jhub-gateway usage``: what servers requested of memory, and what they used."""

import argparse
from typing import TYPE_CHECKING

from jhub_gateway.clients.hub_api import get_hub_access, read_memory_use
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.planning.command import add_node_options

if TYPE_CHECKING:
    from jhub_gateway.models import MemoryProfile

_COMMAND = "jhub-gateway usage"
_DESCRIPTION = """
Show by profile how much memory servers requested, and how much their sessions used at most. It asks
the hub, at JUPYTERHUB_API_URL with JUPYTERHUB_API_TOKEN, the token of a service with the scope
read:servers. With nodes it adds sizes for what was used. In the hub's own pod: kubectl exec
deploy/hub -- jhub-gateway usage --nodes 4x64G/16
"""


def add_usage_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``usage`` to a parser's commands."""
    usage = commands.add_parser(
        "usage", help="show what servers requested and used of memory", description=_DESCRIPTION
    )
    usage.add_argument(
        "--days", type=int, default=30, help="sessions of so many days (default: %(default)s)"
    )
    usage.add_argument(
        "--by-user",
        action="store_true",
        help="for each user, with their names; needs the scope list:users too",
    )
    add_node_options(usage)
    usage.add_argument("--format", choices=("text", "json"), default="text")
    usage.set_defaults(run=run_usage)


def run_usage(options: argparse.Namespace) -> str:
    """Return the report. Raises ConfigurationError, and HubUnavailable."""
    from jhub_gateway.planning.usage_output import format_json, format_text, read_report

    if not 1 <= options.days <= 366:
        raise ConfigurationError(f"--days: {options.days} is no number from 1 to 366")
    url, token = get_hub_access(_COMMAND)
    answer = read_memory_use(url, token, options.days, options.by_user)
    try:
        report = read_report(answer)
    except (LookupError, TypeError) as problem:
        raise ConfigurationError(
            f"{url} does not answer as a hub with jhub-gateway: {problem!r}"
        ) from None
    ladder = _make_ladder(options, report.smallest)
    return (format_json if options.format == "json" else format_text)(report, ladder)


def _make_ladder(options: argparse.Namespace, smallest: int) -> "tuple[MemoryProfile, ...]":
    """Return sizes for the nodes, which begin with what fits half of all sessions."""
    from jhub_gateway.planning.command import read_nodes
    from jhub_gateway.planning.ladder import make_ladder

    if not (options.nodes or options.kubeconfig or options.context):
        return ()
    kinds, _ = read_nodes(options)
    most = max(kind.free.memory for kind in kinds)
    return make_ladder([kind.free for kind in kinds], min(smallest, most)) if smallest else ()

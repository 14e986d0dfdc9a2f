"""``jhub-gateway plan``: for operators, before they choose nodes and sizes of servers."""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from jhub_gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from jhub_gateway.models import MemoryProfile
    from jhub_gateway.planning.node_kinds import NodeKind
    from jhub_gateway.planning.plan import Plan

_HELP = """
Say how many servers fit on nodes, how many nodes so many users need, and which sizes fill a node.
It changes nothing. The nodes are named by --nodes, or are those of --kubeconfig or --context.
"""


def add_plan_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``plan`` to a parser's commands."""
    plan = commands.add_parser("plan", help="say which nodes so many users need", description=_HELP)
    add_node_options(plan)
    _add_demand(plan)
    plan.add_argument("--format", choices=("text", "json"), default="text")
    plan.add_argument("--values", type=Path, metavar="FILE", help="write the ladder as values")
    plan.add_argument("--svg", type=Path, metavar="FILE", help="draw the nodes with their servers")
    plan.set_defaults(run=run_plan)


def add_node_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which nodes there are, for :func:`read_nodes`."""
    parser.add_argument(
        "--nodes",
        action="append",
        default=[],
        metavar="COUNTxMEMORY/CORES[@PRICE]",
        help="such as 4x64G/16, or 4x64G/16@0.50 with the price of one an hour; may be repeated",
    )
    parser.add_argument(
        "--system",
        default="2G/0.5",
        metavar="MEMORY/CORES",
        help="what the system and its pods take of each of these nodes (default: %(default)s)",
    )
    parser.add_argument("--kubeconfig", type=Path, help="the kubeconfig of the cluster to ask")
    parser.add_argument("--context", help="the context of it (default: its current one)")


def _add_demand(plan: argparse.ArgumentParser) -> None:
    plan.add_argument(
        "-f",
        dest="files",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a values file whose memory_profiles are planned for; several are merged in this "
        "order (default: the ladder that the plan makes)",
    )
    plan.add_argument(
        "--users",
        default="",
        metavar="PROFILE=COUNT,…",
        help="how many users each profile has, such as small=40,large=5",
    )
    plan.add_argument(
        "--active",
        default="1",
        metavar="SHARE",
        help="the share of them that is active at once at the peak, from 0 to 1 (default: all)",
    )
    plan.add_argument(
        "--smallest",
        default="1G",
        metavar="MEMORY",
        help="the ladder begins between this and twice as much (default: %(default)s)",
    )


def run_plan(options: argparse.Namespace) -> str:
    """Return the plan, and write the files that are asked for.

    Raises ConfigurationError for what can't be planned, and for a file that can't be used.
    """
    try:
        return _run_plan(options)
    except OSError as problem:
        raise ConfigurationError(f"{problem.filename}: {problem.strerror}") from None


def _run_plan(options: argparse.Namespace) -> str:
    from jhub_gateway.planning.output import format_json, format_text
    from jhub_gateway.planning.picture import draw
    from jhub_gateway.planning.starting_values import make_values

    plan = _make_plan(options)
    if options.values:
        options.values.write_text(make_values(plan.ladder, plan.kinds), encoding="utf-8")
    if options.svg:
        options.svg.write_text(draw(plan), encoding="utf-8")
    return format_json(plan) if options.format == "json" else format_text(plan)


def _make_plan(options: argparse.Namespace) -> "Plan":
    from jhub_gateway.planning.ladder import make_ladder
    from jhub_gateway.planning.plan import make_plan
    from jhub_gateway.planning.site_profiles import read_profiles

    kinds, notes = read_nodes(options)
    ladder = make_ladder([kind.free for kind in kinds], _parse_smallest(options.smallest))
    profiles = read_profiles(options.files) if options.files else ladder
    notes += _describe_bound(profiles)
    users, active = _parse_users(options.users), _parse_active(options.active)
    return make_plan(kinds, ladder, profiles, users, active, notes)


def read_nodes(
    options: argparse.Namespace,
) -> "tuple[tuple[NodeKind, ...], tuple[str, ...]]":
    """Return the nodes that the options name, and notes on them. Raises ConfigurationError."""
    from jhub_gateway.planning.node_kinds import parse_nodes, parse_system

    is_cluster = bool(options.kubeconfig or options.context)
    if is_cluster == bool(options.nodes):
        raise ConfigurationError(
            "say which nodes: --nodes 4x64G/16, or a cluster's by --kubeconfig or --context, and "
            "not both"
        )
    if is_cluster:
        # Only this needs a Kubernetes client.
        from jhub_gateway.planning.cluster_nodes import read_cluster

        return read_cluster(options.kubeconfig, options.context)
    system = parse_system(options.system)
    return tuple(parse_nodes(text, system) for text in options.nodes), ()


def _describe_bound(profiles: "Sequence[MemoryProfile]") -> tuple[str, ...]:
    """Return a note of the profiles that not all nodes are for, which the plan takes them for."""
    bound = [one for one in profiles if one.node_selector or one.extra_resource_limits]
    if not bound:
        return ()
    names = ", ".join(one.slug for one in bound)
    return (
        f"labels and devices of nodes are not looked at, and these profiles need some: {names}. "
        "Plan each kind of nodes alone, by --nodes",
    )


def _parse_users(text: str) -> dict[str, int]:
    users = {}
    for part in filter(None, text.split(",")):
        slug, _, count = (word.strip() for word in part.partition("="))
        if not slug or not count.isascii() or not count.isdigit():
            raise ConfigurationError(
                f"--users: {part!r} is no number of users; write for example small=40,large=5"
            )
        users[slug] = int(count)
    return users


def _parse_active(text: str) -> Fraction:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise ConfigurationError(f"--active: {text!r} is no share from 0 to 1, such as 0.3")
    return share


def _parse_smallest(text: str) -> int:
    from jhub_gateway.policy.quantities import parse_memory

    try:
        return parse_memory(text)
    except ValueError as problem:
        raise ConfigurationError(f"--smallest: {problem}") from None

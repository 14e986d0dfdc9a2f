"""A plan, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from jhub_gateway.planning.node_kinds import NodeKind
from jhub_gateway.planning.plan import MACHINE_MEMORY, PeakPlan, Plan, ProfilePlan
from jhub_gateway.policy.quantities import format_memory


def format_text(plan: Plan) -> str:
    """Return tables of nodes and profiles, and sentences about the peak."""
    parts = [
        format_table([_NODE_HEAD, *map(_list_node_cells, plan.kinds)]),
        format_table([_PROFILE_HEAD, *map(_list_profile_cells, plan.profiles)]),
        "\n".join([*_list_sentences(plan), *(f"note: {note}" for note in plan.notes)]),
    ]
    return "\n\n".join(filter(None, parts))


def format_json(plan: Plan) -> str:
    """Return the document that docs/reference/cli.md describes."""
    document = {
        "version": 1,
        "nodes": [_make_node_entry(kind) for kind in plan.kinds],
        "profiles": [_make_profile_entry(one) for one in plan.profiles],
        "ladder": [{"slug": one.slug, "memory": one.memory} for one in plan.ladder],
        "peak": asdict(plan.peak),
        "machine": {"memory": plan.machine_memory, "is_enough": plan.is_machine_enough},
        "notes": list(plan.notes),
    }
    return json.dumps(document, indent=2)


_NODE_HEAD = ["NODES", "EACH", "SYSTEM", "FOR USERS", "CORES", "PODS"]
_PROFILE_HEAD = [
    *("PROFILE", "MEMORY", "CORES", "USERS", "AT ONCE"),
    *("A NODE", "UNUSED", "IN ALL", "MORE"),
]


def _list_node_cells(kind: NodeKind) -> list[str]:
    return [
        f"{kind.count} x {kind.name}",
        format_memory(kind.size.memory),
        format_memory(kind.system.memory),
        format_memory(kind.free.memory),
        f"{kind.free.cpu / 1000:g}",
        str(kind.free.pods),
    ]


def _list_profile_cells(one: ProfilePlan) -> list[str]:
    return [
        one.profile.slug,
        format_memory(one.request.memory),
        f"{one.request.cpu / 1000:g}",
        str(one.users),
        str(one.at_once),
        ", ".join(map(str, one.a_node)),
        ", ".join(f"{share:.1%}" if share < 1 else "-" for share in one.waste),
        str(one.in_all),
        str(one.more),
    ]


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join("  ".join(line) for line in lines)


def _list_sentences(plan: Plan) -> Iterator[str]:
    at_once = sum(one.at_once for one in plan.profiles)
    if not at_once:
        yield "Say by --users who will come, such as --users small=40,large=5."
        return
    yield from _describe_peak(plan, at_once)
    need = format_memory(plan.machine_memory)
    limit = format_memory(MACHINE_MEMORY)
    if plan.is_machine_enough:
        yield (
            f"One machine with {need} is enough, below {limit}: it needs no Kubernetes "
            "(docs/explanation/one-machine.md)."
        )
    else:
        yield f"One machine would need {need}, above {limit}: use Kubernetes."


def _describe_peak(plan: Plan, at_once: int) -> Iterator[str]:
    peak, given = plan.peak, sum(kind.count for kind in plan.kinds)
    if peak.sure is None:
        names = [one.profile.slug for one in plan.profiles if one.at_once and not one.in_all]
        yield f"The {at_once} servers at once can't be placed: no node has room for {names[0]!r}."
        return
    yield f"The {at_once} servers at once {_judge(peak, given)}."
    yield (
        f"Nodes that are enough: {peak.sure} in whatever order they come, {peak.packed} if they "
        "are packed tightly."
    )
    yield (
        f"With {peak.sure}, {peak.waste:.0%} of the memory for users stays free"
        f"{_describe_cost(peak)}."
    )


def _judge(peak: PeakPlan, given: int) -> str:
    if peak.sure is not None and peak.sure <= given:
        return "fit on these nodes"
    is_close = peak.packed is not None and peak.packed <= given
    return "may fit on these nodes, but not for sure" if is_close else "do not fit on these nodes"


def _describe_cost(peak: PeakPlan) -> str:
    return "" if peak.price is None else f", and they cost {peak.price:g} an hour"


def _make_node_entry(kind: NodeKind) -> dict[str, object]:
    return {
        "name": kind.name,
        "count": kind.count,
        "price": kind.price,
        "size": kind.size._asdict(),
        "free": kind.free._asdict(),
    }


def _make_profile_entry(one: ProfilePlan) -> dict[str, object]:
    return {
        "slug": one.profile.slug,
        "memory": one.profile.memory,
        "request": one.request._asdict(),
        "users": one.users,
        "at_once": one.at_once,
        "a_node": list(one.a_node),
        "waste": [round(share, 4) for share in one.waste],
        "in_all": one.in_all,
        "more": one.more,
    }

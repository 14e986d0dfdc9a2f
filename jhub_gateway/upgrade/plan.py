"""What an upgrade does, and what becomes of users. Pure.

As those do who run such systems for long: all off, change, all on; a backup before; numbered
migrations in their order; never back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from jhub_gateway.upgrade.models import Found, Release

CHECK, ANNOUNCE, STOP_HUB, STOP_SERVERS = "check", "announce", "stop-hub", "stop-servers"
BACK_UP, MIGRATE_SHARE, MIGRATE_DATABASE = "back-up", "migrate-share", "migrate-database"
START, VERIFY = "start", "verify"

POD_CHANGES: Mapping[str, str] = {}
"""Releases whose hub can't go on with servers that earlier ones started, and why. None so far."""

_STOPS = "while the hub is off nobody can log in, or start or stop a server"


@dataclass(frozen=True, slots=True)
class Step:
    """One step, by its name, and what it does."""

    name: str
    does: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order. With ``refusals`` none of them is taken.

    ``stop_reason`` says why servers are stopped; empty where they go on. ``users`` is a sentence
    for the operator on who is affected.
    """

    found: Found
    target: Release
    users: str
    stop_reason: str
    steps: tuple[Step, ...]
    refusals: tuple[str, ...]


def make_plan(
    found: Found, target: Release, may_stop: bool, pod_changes: Mapping[str, str] = POD_CHANGES
) -> Plan:
    """Return what leads from what was found to the target; ``may_stop`` is said of servers."""
    reason = find_stop_reason(found, target, pod_changes)
    return Plan(
        found,
        target,
        describe_users(len(found.pods), reason),
        reason,
        tuple(_make_steps(found, target, reason)),
        tuple(find_refusals(found, target, reason, may_stop)),
    )


def find_stop_reason(found: Found, target: Release, pod_changes: Mapping[str, str]) -> str:
    """Return why servers can't go on through this upgrade; empty if they can."""
    if found.layout is not None and found.layout < target.layout:
        return f"the share goes from layout {found.layout} to {target.layout}"
    before, after = _read_version(found.version), _read_version(target.version)
    if before is None or after is None:
        return ""
    crossed = [one for one in pod_changes if before < Version(one) <= after]
    return pod_changes[max(crossed, key=Version)] if crossed else ""


def find_refusals(found: Found, target: Release, stop_reason: str, may_stop: bool) -> Iterator[str]:
    """Yield a sentence for each thing that speaks against it, with what to do."""
    before, after = _read_version(found.version), _read_version(target.version)
    if before is not None and after is not None and after < before:
        yield (
            f"the hub runs jhub-gateway {found.version} and this is {target.version}: there is no "
            f"way back. Take jhub-gateway {found.version} or later; or restore the backup that was "
            f"made before the hub became {found.version}"
        )
    if found.layout is not None and found.layout > target.layout:
        yield (
            f"the share has layout {found.layout}, of a newer release, and jhub-gateway "
            f"{target.version} knows layout {target.layout} and never goes back: take the newer "
            "release, or restore a snapshot of the share"
        )
    if found.revision and found.revision not in target.revisions:
        yield (
            f"the database is of revision {found.revision}, which JupyterHub {target.jupyterhub} "
            "doesn't know: take the newer JupyterHub that made it, or restore the database's backup"
        )
    if stop_reason and found.pods and not may_stop:
        yield (
            f"{describe_count(len(found.pods), 'server')} would be stopped, as {stop_reason}: tell "
            "their users and add --stop-servers, or wait until none runs"
        )


def describe_users(servers: int, stop_reason: str) -> str:
    """Return what becomes of users, for the operator."""
    if not servers:
        return f"No server runs; {_STOPS}."
    run = f"{describe_count(servers, 'server')} {'runs' if servers == 1 else 'run'}"
    if stop_reason:
        return f"{run}, and all are stopped, as {stop_reason}. Homes stay; {_STOPS}."
    return (
        f"{run} and {'goes' if servers == 1 else 'go'} on, with all kernels: {_STOPS}. After 5 "
        "minutes without a hub, servers may not answer their users' pages until it is back."
    )


def describe_count(number: int, what: str) -> str:
    """Return such as "1 server" or "2 servers"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def describe_plan(plan: Plan) -> str:
    """Return the plan for people to read."""
    chart = f", by the chart {plan.found.chart}" if plan.found.chart else ""
    lines = [
        f"{_describe_running(plan.found)}{chart}.",
        f"It becomes {plan.target}.",
        "",
        plan.users,
        "",
        *(
            f"{number}. {step.name:<17}{step.does}"
            for number, step in enumerate(plan.steps, start=1)
        ),
    ]
    if plan.refusals:
        lines += ["", *(f"Not possible: {sentence}." for sentence in plan.refusals)]
    return "\n".join(lines)


def choose_steps(names: Sequence[str], done: Sequence[str]) -> list[str]:
    """Return which steps are to be taken, in their order, when some were done by an earlier run.

    The look and the start are repeated in any case: values may have been put right since. Until
    all is done for which the hub must be off, so is switching it off: somebody may have started it.
    """
    cold = (STOP_HUB, STOP_SERVERS, BACK_UP, MIGRATE_SHARE, MIGRATE_DATABASE)
    again = {CHECK, START, VERIFY}
    if not {name for name in names if name in cold} <= set(done):
        again |= {STOP_HUB, STOP_SERVERS}
    return [name for name in names if name not in done or name in again]


def _make_steps(found: Found, target: Release, stop_reason: str) -> Iterator[Step]:
    servers = describe_count(len(found.pods), "server")
    yield Step(CHECK, "looks at the new image, the share and the values; changes nothing")
    yield Step(ANNOUNCE, "tells users on the hub's pages, if the hub can")
    yield Step(STOP_HUB, "sets the Deployment hub to 0 replicas and waits until its pod is gone")
    if stop_reason:
        yield Step(STOP_SERVERS, f"ends {servers}")
    yield Step(BACK_UP, "copies the hub's database into a file")
    yield Step(MIGRATE_SHARE, _describe_migration(found.layout, target.layout))
    yield Step(MIGRATE_DATABASE, _describe_revision(found.revision, target.revisions))
    yield Step(START, "runs the command after --")
    yield Step(VERIFY, f"waits for a hub of {target.version} that has all servers which run")


def _describe_migration(layout: int | None, target: int) -> str:
    if layout == target:
        return f"has layout {target} already; makes folders that are missing"
    before = "what it has" if layout is None else f"layout {layout}"
    return f"brings the share from {before} to layout {target}"


def _describe_revision(revision: str | None, known: Sequence[str]) -> str:
    newest = known[0] if known else "its newest"
    if revision == newest:
        return f"is of revision {newest} already; nothing to do"
    return f"brings the database from {revision or 'what it has'} to revision {newest}"


def _describe_running(found: Found) -> str:
    if found.version is None:
        return "What the hub runs is not known, as it is stopped"
    if found.jupyterhub is None:
        return f"The hub was not asked, and is of jhub-gateway {found.version}"
    return f"The hub runs jhub-gateway {found.version} with JupyterHub {found.jupyterhub}"


def _read_version(text: str | None) -> Version | None:
    try:
        return None if text is None else Version(text)
    except InvalidVersion:
        return None

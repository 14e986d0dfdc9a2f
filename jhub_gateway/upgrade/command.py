"""``jhub-gateway upgrade``: for operators, with their own kubeconfig."""

import argparse
import asyncio
import json
import math
import shlex
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from jhub_gateway.upgrade.errors import UpgradeError

if TYPE_CHECKING:
    from jhub_gateway.upgrade.cluster import Cluster
    from jhub_gateway.upgrade.models import Wanted
    from jhub_gateway.upgrade.plan import Plan
    from jhub_gateway.upgrade.record import Record

_PLAN = """
Say what an upgrade of the hub to this release would do, and what becomes of users. It changes
nothing.
"""
_RUN = """
Upgrade the hub to this release, step by step. Repeat the same command if it was interrupted: it
goes on where it was. After -- comes the command that installs the new hub, such as: --
helm upgrade --install hub jupyterhub/jupyterhub --version 4.4.0 -f common.yaml -f site.yaml
"""
_RESTORE = """
Stop the hub and put a backup in the place of its database, for the way back to an older release:
install that one afterwards. What the database was until now is backed up before.
"""
_MINUTE = 60.0


def add_upgrade_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``upgrade`` and its own commands to a parser's commands."""
    upgrade = commands.add_parser("upgrade", help="bring a running hub to this release")
    own = upgrade.add_subparsers(required=True, metavar="COMMAND")
    plan = own.add_parser("plan", help="say what an upgrade would do", description=_PLAN)
    plan.add_argument("--format", choices=("text", "json"), default="text")
    plan.set_defaults(run=run_plan)
    run = own.add_parser("run", help="take the steps of an upgrade", description=_RUN)
    _add_run_options(run)
    run.set_defaults(run=run_run)
    restore = own.add_parser(
        "restore", help="bring the database's backup back", description=_RESTORE
    )
    restore.add_argument(
        "--backup", required=True, metavar="PATH", help="such as backups/hub-0.1.0-….sqlite"
    )
    _add_backup_claim(restore)
    restore.set_defaults(run=run_restore)
    for parser in (plan, run, restore):
        _add_place(parser)
    for parser in (plan, run):
        _add_judgement(parser)


def run_plan(options: argparse.Namespace) -> tuple[str, int]:
    """Return the plan, and 1 where it is refused."""
    from jhub_gateway.upgrade.plan import describe_plan

    plan = asyncio.run(_plan(options))
    text = json.dumps(asdict(plan), indent=2) if options.format == "json" else describe_plan(plan)
    return text, 1 if plan.refusals else 0


def run_run(options: argparse.Namespace) -> str:
    """Upgrade the hub. Raises UpgradeError."""
    if not options.command:
        raise UpgradeError(
            "say after -- how the new hub is installed, such as: -- helm upgrade --install hub "
            "jupyterhub/jupyterhub -f common.yaml -f site.yaml"
        )
    program = options.command[0]
    if shutil.which(program) is None:
        raise UpgradeError(f"there is no program {program!r} to install the new hub with")
    record = asyncio.run(_run(options))
    return (
        f"upgraded to jhub-gateway {record.to}; the database as it was before: {record.backup}, "
        f"in the claim {options.backup_claim or _read_wanted(options).claim}"
    )


def run_restore(options: argparse.Namespace) -> str:
    """Bring a backup back. Raises UpgradeError."""
    before = asyncio.run(_restore(options))
    return (
        f"the database is as in {options.backup}, and the hub is off: install the release of that "
        f"backup. What the database was until now: {before}"
    )


def _parse_version(text: str) -> str:
    """Return the version. One that can't be compared would let a downgrade through."""
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text))
    except InvalidVersion:
        raise argparse.ArgumentTypeError(f"{text!r} is no version such as 0.1.0") from None


def _parse_minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes")
    return minutes


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--values",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="a values file of the new release; repeat it, in the order in which helm gets them",
    )
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default: as for kubectl")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig; default: its own")
    parser.add_argument("--namespace", metavar="NAME", help="the hub's; default: the context's")


def _add_judgement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="from_version",
        type=_parse_version,
        metavar="VERSION",
        help="the hub's version, where it is off or can't say",
    )
    parser.add_argument(
        "--stop-servers", action="store_true", help="end users' servers, where they can't go on"
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--notice",
        type=_parse_minutes,
        default=0.0,
        metavar="MINUTES",
        help="tell users on the hub's pages, and wait for so long (default: 0, don't tell)",
    )
    _add_backup_claim(parser)
    parser.add_argument(
        "--restart", action="store_true", help="begin anew, and forget an interrupted run"
    )
    parser.add_argument(
        "--no-check", action="store_true", help="don't look for what is wrong in the values files"
    )
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="installs the new hub")


def _add_backup_claim(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backup-claim", default="", metavar="NAME", help="for backups (default: the shared claim)"
    )


@asynccontextmanager
async def _open_cluster(options: argparse.Namespace, wanted: "Wanted") -> "AsyncIterator[Cluster]":
    from jhub_gateway.upgrade.cluster import Cluster
    from jhub_gateway.upgrade.kubeconfig import open_client

    async with open_client(options.kubeconfig, options.context) as (client, namespace):
        yield Cluster(client, options.namespace or namespace, wanted.pods_namespace)


async def _plan(options: argparse.Namespace) -> "Plan":
    from jhub_gateway.upgrade.look import look, read_own_release
    from jhub_gateway.upgrade.plan import make_plan

    wanted = _read_wanted(options)
    async with _open_cluster(options, wanted) as cluster:
        found = await look(cluster, wanted.hub_name, options.from_version)
    return make_plan(found, read_own_release(), options.stop_servers)


async def _run(options: argparse.Namespace) -> "Record":
    from jhub_gateway.upgrade.look import read_own_release
    from jhub_gateway.upgrade.run import run_upgrade
    from jhub_gateway.upgrade.steps import Settings

    async def start() -> int:
        process = await asyncio.create_subprocess_exec(*options.command)
        return await process.wait()

    settings = Settings(
        start=start,
        find_problems=tuple if options.no_check else lambda: find_value_problems(options),
        command=shlex.join(options.command),
        may_stop=options.stop_servers,
        restart=options.restart,
        from_version=options.from_version,
        notice=options.notice * _MINUTE,
        backup_claim=options.backup_claim,
    )
    wanted = _read_wanted(options)
    async with _open_cluster(options, wanted) as cluster:
        return await run_upgrade(cluster, wanted, read_own_release(), settings, _say)


async def _restore(options: argparse.Namespace) -> str:
    from jhub_gateway.upgrade.restoring import restore_backup
    from jhub_gateway.upgrade.steps import Settings

    wanted, settings = _read_wanted(options), Settings(backup_claim=options.backup_claim)
    async with _open_cluster(options, wanted) as cluster:
        return await restore_backup(cluster, wanted, settings, options.backup, _say)


def find_value_problems(options: argparse.Namespace) -> Iterator[str]:
    """Yield what `jhub-gateway check` finds in the values files; what it only warns of is said."""
    from jhub_gateway.checks.values_check import Question, check_values

    files = tuple(options.values)
    question = Question(files, options.kubeconfig, options.context, options.namespace)
    for problem in check_values(question):
        if problem.is_warning:
            _say(str(problem))
        else:
            yield str(problem)


def _read_wanted(options: argparse.Namespace) -> "Wanted":
    from jhub_gateway.chart.values import read_values
    from jhub_gateway.upgrade.wanted import make_wanted

    return make_wanted(read_values(options.values).data)


def _say(sentence: str) -> None:
    print(sentence, flush=True)

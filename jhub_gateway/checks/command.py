"""``jhub-gateway check -f values.yaml``: for operators, before helm."""

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jhub_gateway.errors import ConfigurationError

_HELP = """
Load a jupyterhub_config.py as the hub would, or merge values files as helm would, and say what is
wrong with them. With --kubeconfig or --context values are compared with that cluster too.
"""


def add_check_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add ``check`` to a parser's commands; return its own."""
    check = commands.add_parser(
        "check", help="say what is wrong with a hub's settings", description=_HELP
    )
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="the jupyterhub_config.py")
    what.add_argument(
        "-f",
        "--values",
        action="append",
        type=Path,
        metavar="FILE",
        help="a values file of Zero to JupyterHub's; several are merged in this order",
    )
    check.add_argument("--kubeconfig", type=Path, help="the kubeconfig of the cluster to ask")
    check.add_argument("--context", help="the context of it (default: its current one)")
    check.add_argument("--namespace", help="the release's namespace (default: the context's)")
    check.add_argument(
        "--chart-version",
        default="",
        metavar="VERSION",
        help="the chart that will be installed (default: the one that runs there)",
    )
    check.add_argument("--offline", action="store_true", help="ask nothing over the network")
    check.add_argument("--format", choices=("text", "json"), default="text")
    check.set_defaults(refuse=check.error)
    return check


def run_values_check(options: argparse.Namespace) -> tuple[str, int]:
    """Check values files; return what to print and the exit status.

    The status is 1 if there is more than warnings. A file or a cluster that can't be opened ends
    the command as a wrong option does, with 2.
    """
    from jhub_gateway.checks.output import format_json, format_text
    from jhub_gateway.checks.values_check import Question, check_values

    question = Question(
        files=tuple(options.values),
        kubeconfig=options.kubeconfig,
        context=options.context,
        namespace=options.namespace,
        chart_version=options.chart_version,
        is_offline=options.offline,
    )
    try:
        with _without_warnings():
            report = check_values(question)
    except (OSError, ConfigurationError) as problem:
        options.refuse(str(problem))
    text = format_json(report) if options.format == "json" else format_text(report)
    return text, 1 if report.has_errors else 0


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep the classes from logging what the report tells."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

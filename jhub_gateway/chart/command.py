"""``jhub-gateway values``: what helm would make of several values files."""

import argparse
from pathlib import Path


def add_values_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add ``values`` to a parser's commands."""
    values = commands.add_parser(
        "values", help="print values files as helm merges them, for a hub without helm"
    )
    values.add_argument(
        "-f",
        "--values",
        action="append",
        type=Path,
        required=True,
        metavar="FILE",
        help="a values file; several are merged in this order",
    )
    values.set_defaults(run=run_values)


def run_values(options: argparse.Namespace) -> str:
    """Return the merged values. Raises ConfigurationError for what is no values file."""
    import yaml

    from jhub_gateway.chart.values import read_values

    return yaml.safe_dump(read_values(options.values).data, sort_keys=False).rstrip()

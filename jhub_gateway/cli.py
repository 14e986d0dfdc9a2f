"""The command ``jhub-gateway``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jhub_gateway import __version__
from jhub_gateway.announce import add_announce_command
from jhub_gateway.chart.command import add_values_command
from jhub_gateway.checks.command import add_check_command, run_values_check
from jhub_gateway.link_command import add_link_command
from jhub_gateway.planning.command import add_plan_command
from jhub_gateway.planning.usage_command import add_usage_command
from jhub_gateway.stale_mounts import add_stale_mounts_command
from jhub_gateway.storage.command import add_storage_command
from jhub_gateway.upgrade.command import add_upgrade_command
from jhub_gateway.upgrade.database_command import add_database_command

if TYPE_CHECKING:
    from jupyterhub.app import JupyterHub


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 1 with a sentence on standard error.

    What a command found wrong is no error of its own: it brings its status with its answer.
    """
    options = make_parser().parse_args(arguments)
    try:
        answer = options.run(options)
    # Whatever is wrong in somebody's configuration: its reason is the answer, not a traceback.
    except Exception as error:
        print(f"jhub-gateway: {error}", file=sys.stderr)
        return 1
    text, status = answer if isinstance(answer, tuple) else (answer, 0)
    print(text)
    return status


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="jhub-gateway", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_check_command(commands).set_defaults(run=run_check)
    add_values_command(commands)
    add_plan_command(commands)
    add_usage_command(commands)
    add_stale_mounts_command(add_storage_command(commands))
    add_announce_command(commands)
    add_link_command(commands)
    add_database_command(commands)
    add_upgrade_command(commands)
    # Its options are the service's settings, which it reads itself: here no word is an option.
    cull = commands.add_parser(
        "cull", help="stop servers that nobody needs", add_help=False, prefix_chars="\0"
    )
    cull.add_argument("arguments", nargs="*")
    cull.set_defaults(run=run_cull)
    return parser


def run_check(options: argparse.Namespace) -> str | tuple[str, int]:
    """Check what the hub checks when it starts, without starting it; or values files.

    Raises the error that would stop the hub.
    """
    if options.values:
        return run_values_check(options)
    # Only this command needs JupyterHub, which takes a second to import.
    from jupyterhub.app import JupyterHub

    if not options.file.is_file():
        raise FileNotFoundError(f"{options.file}: there is no such file")
    app = JupyterHub()
    app.load_config_file(str(options.file.resolve()))
    asyncio.run(check_app(app))
    return f"{options.file}: the hub can start with this"


def run_cull(options: argparse.Namespace) -> str:
    """Run the culling service until it is ended, or once."""
    from jhub_gateway.culler.app import Culler

    return Culler().run(options.arguments)


async def check_app(app: "JupyterHub") -> None:
    """Check a configured hub that does not run. KubeSpawner wants an event loop for its client."""
    from jhub_gateway.authenticator import GatewayAuthenticator
    from jhub_gateway.startup import check_hub

    # A hub that is given no cookie secret makes a good one when it starts.
    app.cookie_secret = app.cookie_secret or os.urandom(32)
    authenticator = app.authenticator_class(parent=app)
    if isinstance(authenticator, GatewayAuthenticator):
        authenticator.check_at_start(app)
    check_hub(app)

"""`python -m tests.cluster up|down|status|stop|start|lock`: see README.md beside this file."""

import argparse
import sys

from . import cluster, control_plane, go_module, node
from .errors import ClusterError, RequirementError
from .paths import KUBECONFIG

LEVELS = ("control-plane", "node")

CANNOT_RUN = 3
"""The exit code where the machine lacks what the cluster needs."""


def main() -> int:
    """Run one command; the exit code is 0 only if the cluster is then as it was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the cluster and print the path of its kubeconfig")
    up.add_argument("--level", choices=LEVELS, default="node")
    commands.add_parser("down", help="end the cluster and remove what it made on this machine")
    commands.add_parser("status", help="what runs, and up to which level")
    programs = (*control_plane.NAMES, *node.NAMES)
    stop = commands.add_parser("stop", help="stop one program, as a fault; the others go on")
    stop.add_argument("program", choices=programs)
    stop.add_argument("--kill", action="store_true", help="by force, as a crash does")
    start = commands.add_parser("start", help="start a program that was stopped, as it was")
    start.add_argument("program", choices=programs)
    lock = commands.add_parser("lock", help="pin another version of Kubernetes")
    lock.add_argument("version", help="such as 1.34.4")
    args = parser.parse_args()
    try:
        if args.command == "up":
            print(cluster.up(args.level))
        elif args.command == "down":
            cluster.down()
        elif args.command == "stop":
            cluster.stop_program(args.program, args.kill)
        elif args.command == "start":
            cluster.start_program(args.program)
        elif args.command == "lock":
            go_module.pin(args.version)
        else:
            return _show_status()
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return CANNOT_RUN if isinstance(error, RequirementError) else 1
    except KeyboardInterrupt:
        print("cluster: interrupted; `down` removes what was started", file=sys.stderr)
        return 130
    return 0


def _show_status() -> int:
    if given := cluster.get_given_kubeconfig():
        print(f"the cluster of JHUB_GATEWAY_TEST_KUBECONFIG ({given}) is used")
        return 0
    for name, status in cluster.get_status().items():
        print(f"{name:26}{status}")
    level = cluster.get_level()
    print(f"{'level':26}{level or 'down'}")
    if level:
        print(f"{'kubeconfig':26}{KUBECONFIG}")
    return 0 if level else 1


if __name__ == "__main__":
    sys.exit(main())

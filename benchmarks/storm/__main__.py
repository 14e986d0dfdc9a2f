"""``python -m benchmarks.storm``: tables on stdout, rows in ``.bench/storm.json``.

N starts (400), ROUNDS (3), RESTART servers (1000), SCENARIOS (all), VARIANTS (all), PROFILE (a
directory; none).
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

from benchmarks.progress import end_once, say
from benchmarks.storm.report import make_report
from benchmarks.storm.rows import Row
from benchmarks.storm.run import RESTART, RESULTS, SLOW, STORM, run_restarts, run_rig, run_rounds
from benchmarks.storm.variants import VARIANTS
from tests.cluster.cluster import get_given_kubeconfig, up
from tests.cluster.errors import ClusterError

RESULT = RESULTS / "storm.json"


def main() -> int:
    """Run the scenarios that are asked for; return the exit code."""
    end_once()
    rows: list[Row] = []
    code = 0
    try:
        for row in run_scenarios():
            rows.append(row)
    except (ClusterError, RuntimeError, ValueError) as error:
        say(str(error))
        code = 1
    except KeyboardInterrupt:
        say("interrupted; everything is removed")
        code = 130
    if rows:
        # Also what was measured before something went wrong.
        RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
        print(make_report(rows))
        say(f"rows: {RESULT}; the hubs' logs are beside it")
    return code


def run_scenarios() -> Iterator[Row]:
    """Run what the environment says. Raises ValueError for what it can't say."""
    if get_given_kubeconfig():
        raise ClusterError(
            "the storm reads the audit log of this machine's own cluster: run it without "
            "JHUB_GATEWAY_TEST_KUBECONFIG."
        )
    n, rounds = read_number("N", 400), read_number("ROUNDS", 3)
    running = read_number("RESTART", 1000)
    scenarios = read_names("SCENARIOS", [STORM, SLOW, RESTART])
    chosen = read_names("VARIANTS", [variant.name for variant in VARIANTS])
    variants = tuple(variant for variant in VARIANTS if variant.name in chosen)
    with run_rig(up("control-plane")) as rig:
        for scenario in scenarios:
            if scenario == RESTART:
                yield from run_restarts(rig, running, variants)
            else:
                yield from run_rounds(rig, scenario, n, rounds, variants)


def read_number(name: str, default: int) -> int:
    """A number of 1 or more from the environment. Raises ValueError."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} is {text!r}: give a number of 1 or more.")
    return int(text)


def read_names(name: str, known: list[str]) -> list[str]:
    """Names with commas between them, all of them known; all if unset. Raises ValueError."""
    text = os.environ.get(name)
    names = text.split(",") if text else known
    if wrong := set(names) - set(known):
        raise ValueError(f"{name} has {', '.join(sorted(wrong))}: there are {', '.join(known)}.")
    return names


if __name__ == "__main__":
    sys.exit(main())

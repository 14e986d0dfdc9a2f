"""``python -m benchmarks``: the tables on stdout; with BENCH_JSON=PATH the raw numbers there.

BENCH_REPEATS says how often each start is measured: 5 unless given.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.progress import end_once, say
from benchmarks.report import make_report
from benchmarks.run import run
from tests.cluster.cluster import get_given_kubeconfig, up
from tests.cluster.errors import ClusterError


def main() -> int:
    """Run the benchmark; return the exit code."""
    end_once()
    try:
        if get_given_kubeconfig():
            raise ClusterError(
                "the benchmark reads the logs of this machine's own cluster: run it without "
                "JHUB_GATEWAY_TEST_KUBECONFIG."
            )
        result = run(up("node"), _read_repeats())
    except (ClusterError, ValueError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything is removed")
        return 130
    print(make_report(result))
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(json.dumps(asdict(result), indent=1) + "\n")
    return 0


def _read_repeats() -> int:
    text = os.environ.get("BENCH_REPEATS", "5")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"BENCH_REPEATS is {text!r}: give a number of 1 or more.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

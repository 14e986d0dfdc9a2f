"""``python -m benchmarks.cull``: a table on stdout, rows in ``.bench/cull.json``.

USERS (5000), SERVERS that run (1000), ROUNDS (3).
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from benchmarks.cull.passes import VARIANTS, Row, measure
from benchmarks.cull.report import make_report
from benchmarks.cull.site import run_site
from benchmarks.progress import end_once, say
from benchmarks.storm.__main__ import read_number
from benchmarks.storm.run import RESULTS
from tests.fixtures.hub import HubError

RESULT = RESULTS / "cull.json"


def main() -> int:
    """Run the benchmark; return the exit code."""
    end_once()
    try:
        users, servers = read_number("USERS", 5000), read_number("SERVERS", 1000)
        rows = list(run_rounds(users, servers, read_number("ROUNDS", 3)))
    except (HubError, RuntimeError, ValueError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything is removed")
        return 130
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(make_report(rows, users))
    say(f"rows: {RESULT}; the hub's log is beside it")
    return 0


def run_rounds(users: int, servers: int, rounds: int) -> Iterator[Row]:
    """Yield what each culler's pass cost, in turns whose order changes."""
    if servers > users:
        raise ValueError(f"SERVERS is {servers}, more than USERS, {users}.")
    RESULTS.mkdir(exist_ok=True)
    say(f"starting a hub with {users} users and {servers} servers")
    with run_site(users, servers, RESULTS / "cull-hub.log") as site:
        for number in range(rounds + 1):
            turn = number % len(VARIANTS)
            for culler in (*VARIANTS[turn:], *VARIANTS[:turn]):
                row = measure(site, culler, number, servers)
                if number:
                    # The round before was for the hub to warm up.
                    say(f"round {number} of {rounds}, {culler}: {row.seconds:.2f} s")
                    yield row


if __name__ == "__main__":
    sys.exit(main())

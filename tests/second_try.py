"""Runs the few tests that failed once more, alone: `python -m tests.second_try`.

Of thousands a busy machine fails one or two that nothing is wrong with. What passes only alone is
told by name.
"""

import json
import re
import subprocess
import sys

from tests.cluster.paths import ROOT

MOST = 3


def find_failed(last_failed: dict[str, bool]) -> list[str]:
    """The tests that pytest's cache names, as pytest takes them; xdist appends their group."""
    return sorted(re.sub(r"@\w+$", "", name) for name in last_failed)


def is_worth_a_try(failed: list[str]) -> bool:
    """Whether there are few: more than that is no machine's doing."""
    return 0 < len(failed) <= MOST


def main() -> int:
    """Return 0 if all that failed passes now."""
    cache = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
    failed = find_failed(json.loads(cache.read_text())) if cache.exists() else []
    if not is_worth_a_try(failed):
        return 1
    names = "\n".join(failed)
    print(f"\nSECOND TRY, one by one:\n{names}", flush=True)
    status = subprocess.run([sys.executable, "-m", "pytest", *failed], cwd=ROOT).returncode
    if status == 0:
        print(f"\nPASSED ON THE SECOND TRY ONLY, look why:\n{names}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())

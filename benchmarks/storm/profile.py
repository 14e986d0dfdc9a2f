"""Where a hub's time goes: with PROFILE=DIRECTORY the storm runs under cProfile.

A profiled hub takes about twice its processor time: read the shares, and no row of the table.
"""

import os
from pathlib import Path

# In the hub's configuration: the benchmark sends the signal as a storm begins and ends.
PROFILER = """
import cProfile, signal

def _toggle_profiler(_number, _frame, profiler=cProfile.Profile(), running=[]):
    if running:
        profiler.disable()
        profiler.dump_stats("hub.pstats")
    else:
        running.append(True)
        profiler.enable()

signal.signal(signal.SIGUSR2, _toggle_profiler)
"""


def get_profile_directory() -> Path | None:
    """Where the profiles go, or None if none is asked for."""
    directory = os.environ.get("PROFILE")
    return Path(directory) if directory else None

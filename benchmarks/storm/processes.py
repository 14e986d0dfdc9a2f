"""What a process has used, as the kernel counts it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def get_cpu_seconds(pid: int) -> float:
    """Processor seconds of the process, its own code's and the kernel's for it."""
    # The name before the bracket may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def get_memory_mb(pid: int) -> float:
    """Resident memory of the process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1024**2

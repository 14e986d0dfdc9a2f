"""Amounts of memory, as JupyterHub and as Kubernetes write them."""

import re

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[KMGT]?)i?B?", re.ASCII)


def parse_memory(value: object) -> int:
    """Return an amount of memory in bytes.

    Accepts a whole number of bytes, JupyterHub's suffixes K, M, G, T and Kubernetes' Ki, Mi,
    Gi, Ti. All are powers of 1024, as JupyterHub's own ``mem_limit`` has them: "4G" and "4Gi"
    are both 4294967296 bytes.

    Raises ValueError for anything else, and for zero.
    """
    match = None if isinstance(value, bool) else _MEMORY.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no amount of memory; write for example '4G' or '512M'")
    size = int(float(match["number"]) * _UNITS[match["unit"]])
    if size == 0:
        raise ValueError(f"{value!r} is no memory at all; write for example '4G' or '512M'")
    return size


def format_memory(size: int) -> str:
    """Return bytes as people read them: ``format_memory(4294967296) == '4 GB'``.

    The unit is a power of 1024, as everywhere in this project; at most one decimal is kept.
    """
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f}".removesuffix(".0") + f" {unit}B"
    return f"{size} B"

"""Amounts of memory, as JupyterHub and as Kubernetes write them."""

import re
from decimal import Decimal

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[KMGT]?)i?B?", re.ASCII)

# As the Kubernetes API writes them: there "1G" is a power of 1000, and "100m" a tenth.
_SUFFIXES = {
    **{f"{unit}i": Decimal(size) for unit, size in _UNITS.items() if unit},
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(1000),
    "M": Decimal(1000**2),
    "G": Decimal(1000**3),
    "T": Decimal(1000**4),
}
_QUANTITY = re.compile(r"(?P<number>[\d.]+([eE][-+]?\d+)?)(?P<suffix>[numkMGT]|[KMGT]i)?", re.ASCII)


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


def parse_quantity(text: str) -> Decimal:
    """Return an amount that the Kubernetes API tells: ``parse_quantity("500m") == 0.5``.

    Raises ValueError for what is none.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity of Kubernetes'")
    return Decimal(match["number"]) * (_SUFFIXES[match["suffix"]] if match["suffix"] else 1)

"""How much memory a server says that it has used: its user's to write, so it is bounded. Pure."""

from collections.abc import Mapping


def read_peak(answer: Mapping[str, object]) -> int | None:
    """Return the bytes that a server, by its decoded answer, has used at most; None if unknown.

    What no server of ours says is not known either.
    """
    peak = answer.get("memory_peak")
    is_number = isinstance(peak, int) and not isinstance(peak, bool)
    return peak if is_number and 0 < peak < 2**63 else None  # type: ignore[operator, return-value]


def bound_peak(peak: int | None, memory: int) -> int | None:
    """Return the peak as no more than the ``memory`` that the server could have."""
    return None if peak is None else min(peak, memory)

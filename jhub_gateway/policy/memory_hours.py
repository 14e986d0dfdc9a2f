"""Hours of memory: what servers have taken in a window of time that moves on. Pure.

Times are whole seconds since 1970, which know neither time zones nor daylight saving.
"""

from collections.abc import Sequence

from jhub_gateway.models import MemoryBudget, MemorySpan

DAY = 86400
_GIB_HOUR = 1024**3 * 3600


def count_hours(spans: Sequence[MemorySpan], since: int) -> float:
    """Return the GiB-hours that the servers took after ``since``.

    A span has no end but its own: what a clock that was set back has put into the future counts.
    """
    return sum(_count(span, since) for span in spans) / _GIB_HOUR


def find_window(budget: MemoryBudget, now: int) -> int:
    """Return when the window began that ends ``now``."""
    return now - round(budget.days * DAY)


def find_reset(spans: Sequence[MemorySpan], budget: MemoryBudget, now: int) -> int:
    """Return the first second from ``now`` on at which some of the budget is left.

    It holds if nothing runs on; what runs on makes it later.
    """
    since = find_window(budget, now)
    if count_hours(spans, since) < budget.hours:
        return now
    # From the end of the last span on nothing counts, and until then less and less does.
    used_up, left = since, max(span.until for span in spans)
    while left - used_up > 1:
        middle = (used_up + left) // 2
        if count_hours(spans, middle) < budget.hours:
            left = middle
        else:
            used_up = middle
    return now + left - since


def _count(span: MemorySpan, since: int) -> int:
    return span.memory * max(0, span.until - max(span.began, since))

"""Budgets of memory hours: reading them, and which one a start is charged to."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jhub_gateway.errors import raise_together
from jhub_gateway.models import MemoryBudget, MemoryProfile, MemorySpan
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_text
from jhub_gateway.policy.memory_hours import count_hours, find_reset, find_window

_MOST_DAYS = 366
_MOST_HOURS = 1e9


def _read_amount(most: float, unit: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not 0 < value <= most:  # type: ignore[arg-type, operator]
            raise ValueError(f"{value!r} must be a number of {unit} above 0, {most:g} at most")
        return float(value)  # type: ignore[arg-type]

    return read


_KIND = EntryKind(
    trait="group_memory_hours",
    noun="budget",
    required=("hours",),
    readers={
        "group": read_text,
        "hours": _read_amount(_MOST_HOURS, "GiB-hours"),
        "days": _read_amount(_MOST_DAYS, "days"),
    },
)


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How far a budget is used. ``account`` is what is charged for it; ``used`` is GiB-hours.

    ``resets_at`` is when some of it is left again at the earliest, in seconds since 1970 by the
    clock that the spans have; ``None`` while some is left.
    """

    budget: MemoryBudget
    account: str
    used: float
    resets_at: int | None = None

    @property
    def left(self) -> float:
        """The GiB-hours that are left, never less than 0."""
        return max(self.budget.hours - self.used, 0.0)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.resets_at is not None


def parse_budgets(entries: Sequence[Mapping[str, Any]]) -> tuple[MemoryBudget, ...]:
    """Return the budgets that an operator wrote as ``group_memory_hours``, in their order.

    Raises ConfigurationError.
    """
    values, problems = _KIND.scan(entries)
    budgets = {place: MemoryBudget(**found) for place, found in values.items()}
    seen: set[str | None] = set()
    for place, budget in budgets.items():
        if budget.group in seen:
            whose = "each user" if budget.group is None else f"the group {budget.group!r}"
            problem = f"group: another budget is for {whose} already"
            problems.append(_KIND.fail(budget.hours, problem, place, "group"))
        seen.add(budget.group)
    raise_together(problems)
    return tuple(budgets.values())


def find_budgets(
    budgets: Iterable[MemoryBudget], groups: Collection[str]
) -> tuple[MemoryBudget, ...]:
    """Return the budgets for a member of ``groups``, in the operator's order.

    That for each user counts only for who is in no group that has one.
    """
    known = tuple(budgets)
    of_groups = tuple(one for one in known if one.group is not None and one.group in groups)
    return of_groups or tuple(one for one in known if one.group is None)


def make_account(budget: MemoryBudget, username: str) -> str:
    """Return the name under which the budget's hours are written down."""
    return f"user:{username}" if budget.group is None else f"group:{budget.group}"


def make_state(
    budget: MemoryBudget, account: str, spans: Sequence[MemorySpan], now: int
) -> BudgetState:
    """Return how far the budget is used ``now``; ``spans`` are all that was charged to it."""
    used = count_hours(spans, find_window(budget, now))
    reset = find_reset(spans, budget, now) if used >= budget.hours else None
    return BudgetState(budget, account, used, reset)


def choose_state(states: Sequence[BudgetState]) -> BudgetState | None:
    """Return the one that a start is charged to: the first of which something is left.

    Where nothing is left of any, it is the first that gets some back. None without any.
    """
    left = next((state for state in states if not state.is_used_up), None)
    return left or min(states, key=lambda state: state.resets_at or 0, default=None)


def find_smallest(profiles: Sequence[MemoryProfile]) -> tuple[MemoryProfile, ...]:
    """Return those that stay when the hours are used up: which have the least memory."""
    least = min((profile.memory for profile in profiles), default=0)
    return tuple(profile for profile in profiles if profile.memory == least)

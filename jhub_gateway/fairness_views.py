"""What the page of profiles says of hours of memory, and of the memory that was really used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.budgets import BudgetState
from jhub_gateway.policy.memory_feedback import Feedback
from jhub_gateway.policy.quantities import format_memory

_GIB = 1024**3
_WHEN = "%d %B %Y at %H:%M UTC"


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget of memory hours, in GiB-hours.

    ``group`` is empty for a user's own. ``resets_at`` is empty while something is left;
    ``left_for`` are names of the profiles that can be started all the same. ``costs`` are profiles'
    names with what they take in an hour.
    """

    group: str
    hours: float
    days: float
    used: float
    resets_at: str
    left_for: tuple[str, ...]
    costs: tuple[tuple[str, float], ...]

    @property
    def left(self) -> float:
        """What is left, never less than 0."""
        return max(self.hours - self.used, 0.0)


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What was used, such as ``peak`` "3 GB" of ``memory`` "16 GB" in so many ``sessions``.

    ``name`` and ``size`` are those of a profile that fits better.
    """

    peak: str
    memory: str
    sessions: int
    name: str
    size: str
    is_larger: bool


def get_cost(profile: MemoryProfile) -> float:
    """Return the GiB-hours that a server of this profile takes in an hour."""
    return profile.memory / _GIB


def make_budget_view(
    state: BudgetState, profiles: Sequence[MemoryProfile], resets_at: float | None
) -> BudgetView:
    """Return the view; ``profiles`` can be started now, ``resets_at`` is by the machine's clock."""
    budget = state.budget
    return BudgetView(
        group=budget.group or "",
        hours=budget.hours,
        days=budget.days,
        used=state.used,
        resets_at=format_reset(resets_at) if resets_at is not None else "",
        left_for=tuple(profile.display_name for profile in profiles),
        costs=tuple((profile.display_name, get_cost(profile)) for profile in profiles),
    )


def describe_used_up(view: BudgetView) -> str:
    """Return for the user why only the smallest profile can be started, and until when."""
    whose = f"the group {view.group!r} has" if view.group else "you have"
    return (
        f"The {view.hours:,g} GB-hours of memory that {whose} in {view.days:g} days are used up. "
        f"Choose {' or '.join(view.left_for)} now; other sizes can be had again from "
        f"{view.resets_at} at the earliest."
    )


def make_feedback_view(found: Feedback) -> FeedbackView:
    """Return the view of what sessions say."""
    return FeedbackView(
        peak=format_memory(found.peak),
        memory=format_memory(found.memory),
        sessions=found.sessions,
        name=found.profile.display_name,
        size=format_memory(found.profile.memory),
        is_larger=found.is_larger,
    )


def format_reset(at: float) -> str:
    """Return seconds since 1970 as a date, at the next full minute: never too early."""
    return datetime.fromtimestamp(-(-at // 60) * 60, UTC).strftime(_WHEN)

"""Settings of fairness that cannot work with the profiles of a hub."""

from collections.abc import Iterator, Sequence

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.models import MemoryBudget, MemoryProfile, UserMemoryLimit
from jhub_gateway.policy.quantities import format_memory


def find_fairness_problems(
    profiles: Sequence[MemoryProfile],
    budgets: Sequence[MemoryBudget],
    limits: Sequence[UserMemoryLimit],
) -> Iterator[ConfigurationError]:
    """Yield what has no effect without profiles, and limits below the smallest of them."""
    for trait, setting in (("group_memory_hours", budgets), ("max_memory_per_user", limits)):
        if setting and not profiles:
            yield ConfigurationError(
                f"{trait} is set, and there are no memory_profiles whose memory it could count",
                [trait],
            )
    smallest = min((profile.memory for profile in profiles), default=0)
    for limit in limits:
        if limit.size < smallest:
            yield ConfigurationError(
                f"max_memory_per_user: {format_memory(limit.size)} is less than the smallest "
                f"profile has, {format_memory(smallest)}: nobody could start a server",
                ["max_memory_per_user"],
            )

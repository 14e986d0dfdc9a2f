"""A spawner that shares memory fairly: by hours that groups have, and by what a user may have."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from traitlets import Dict, List, Unicode, Union, validate

from jhub_gateway.counted_spawner import RETENTION, CountedSpawner
from jhub_gateway.errors import BudgetUsedUp, ConfigurationError
from jhub_gateway.fairness_checks import find_fairness_problems
from jhub_gateway.fairness_views import (
    BudgetView,
    describe_used_up,
    make_budget_view,
    make_feedback_view,
)
from jhub_gateway.memory_ledger import MemoryLedger
from jhub_gateway.models import MemoryBudget, MemoryProfile
from jhub_gateway.policy.budgets import (
    BudgetState,
    choose_state,
    find_budgets,
    find_smallest,
    make_account,
    make_state,
    parse_budgets,
)
from jhub_gateway.policy.memory_feedback import SESSIONS, find_feedback
from jhub_gateway.policy.memory_hours import DAY, find_window
from jhub_gateway.policy.user_memory import check_user_memory, find_user_memory, parse_user_memory

# What was used longer ago says little of what is needed now.
_FEEDBACK_SECONDS = 30 * DAY

_PARSERS: dict[str, Callable[[Any], object]] = {
    "group_memory_hours": parse_budgets,
    "max_memory_per_user": parse_user_memory,
}


class BudgetedSpawner(CountedSpawner):
    """A spawner that refuses what is beyond a budget, and says what would be better.

    Mix it in before a JupyterHub Spawner.
    """

    group_memory_hours = List(
        Dict(),
        config=True,
        help="""
        How much memory groups and users may have over time, as a list of mappings:

        - ``hours``: GiB-hours: a server of 4 GiB takes 4 of them in an hour, used or not.
        - ``days``: in how many days that follow one another, up to and with now. Default: 30.
        - ``group``: whose they are: all members of the group together, its name compared exactly.
          Default: each user by themselves who is in no group that has a budget here.

        A start is charged to the first of its owner's budgets, in this order, of which some is
        left, and its server to the same one until it ends. Once nothing is left, only the sizes
        with the least memory can be started, until enough of those days has gone by. What runs
        then is not stopped. Default: no budgets.
        """,
    )

    max_memory_per_user = Union(
        [Unicode(), List(Dict())],
        default_value="",
        config=True,
        help="""
        How much memory all servers of one user may have together: a size such as ``"32G"`` (G is
        1024^3 bytes) for everybody, or a list of mappings with ``size`` and, if not for everybody,
        ``groups`` (compared exactly). The largest one that applies to the user holds.

        A start beyond it is refused, with a sentence that names what runs. Default: no limit.
        """,
    )

    @validate(*_PARSERS)
    def _check_fairness(self, proposal: Any) -> Any:
        _PARSERS[proposal.trait.name](proposal.value)
        return proposal.value

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse limits that nobody could start a server with. Raises ConfigurationError."""
        super().check_at_start(app)
        for problem in cls.make_for_checks(app).find_fairness_problems():
            raise problem

    def find_fairness_problems(self) -> Iterator[ConfigurationError]:
        """Yield each setting of fairness that cannot work with the profiles."""
        return find_fairness_problems(
            self.profiles, self._budgets, parse_user_memory(self.max_memory_per_user)
        )

    @classmethod
    def refuse_without_ledger(cls, app: Any, problem: SQLAlchemyError) -> None:
        """Let no start go by a budget that nobody can tell the use of."""
        if cls.make_for_checks(app).group_memory_hours:
            raise ConfigurationError(
                "group_memory_hours needs a table of its own in the hub's database, which can't "
                f"be made: {problem}",
                ["group_memory_hours"],
            )
        super().refuse_without_ledger(app, problem)

    @classmethod
    def find_retention(cls, app: Any) -> timedelta:
        """Return for how long runs are remembered: as long as a budget looks back, at least."""
        budgets = cls.make_for_checks(app)._budgets
        return max([RETENTION, *(timedelta(days=budget.days + 1) for budget in budgets)])

    # The decision

    @property
    def budget_state(self) -> BudgetState | None:
        """How far the budget is used that a start is charged to now; None without one."""
        if self.ledger is None:
            return None  # See refuse_without_ledger.
        own = find_budgets(self._budgets, self.user_groups)
        return choose_state([_read_state(self.ledger, one, self.user.name) for one in own])

    @property
    def open_profiles(self) -> tuple[MemoryProfile, ...]:
        """The profiles that the owner may start now: the smallest where the hours are used up."""
        mine = super().open_profiles
        state = self.budget_state
        return find_smallest(mine) if state and state.is_used_up else mine

    def _choose_allowed(self) -> MemoryProfile:
        state = self.budget_state
        self._account = state.account if state else ""
        profile = super()._choose_allowed()
        if state is not None and state.is_used_up:
            profile = self._choose_smallest(profile, state)
        check_user_memory(self._most_memory, profile, self._find_held())
        return profile

    def _choose_smallest(self, wanted: MemoryProfile, state: BudgetState) -> MemoryProfile:
        """Return what is left of the profiles. Raises BudgetUsedUp if another one is asked for."""
        smallest = self.open_profiles
        if wanted in smallest:
            return wanted
        if self.user_options.get("profile") and self._names_a_profile():
            raise BudgetUsedUp(describe_used_up(self._make_budget_view(state, smallest)))
        # It was remembered from an earlier start.
        self.user_options = {}
        return next((one for one in smallest if one.default), smallest[0])

    @property
    def _budgets(self) -> tuple[MemoryBudget, ...]:
        return parse_budgets(self.group_memory_hours)

    @property
    def _most_memory(self) -> int | None:
        return find_user_memory(parse_user_memory(self.max_memory_per_user), self.user_groups)

    def _find_held(self) -> dict[str, int]:
        """Return the bytes of the owner's other servers that run, start or stop, by name."""
        others = ((name, one) for name, one in self.user.spawners.items() if one is not self)
        held = {name: getattr(one, "memory_held", 0) for name, one in others if one.active}
        return {name: memory for name, memory in held.items() if memory}

    # The page

    def make_form_views(self) -> dict[str, Any]:
        """Add the hours of memory that are left, and which size would fit better."""
        views, state = super().make_form_views(), self.budget_state
        if state is not None:
            views["budget"] = self._make_budget_view(state, self.open_profiles)
        feedback = self._find_feedback() if not (state and state.is_used_up) else None
        if feedback is not None:
            views["feedback"] = make_feedback_view(feedback)
        return views

    def _make_budget_view(
        self, state: BudgetState, profiles: tuple[MemoryProfile, ...]
    ) -> BudgetView:
        at = state.resets_at
        shown = self.ledger.clock.show(at) if self.ledger and at is not None else None
        return make_budget_view(state, profiles, shown)

    def _find_feedback(self) -> Any:
        if self.ledger is None or not self._home_name:
            return None
        profile = self.ledger.read_last_profile(self._home_name)
        if profile is None:
            return None
        since = self.ledger.clock.read() - _FEEDBACK_SECONDS
        sessions = self.ledger.read_last(self._home_name, profile, since, SESSIONS)
        most = self._most_memory
        possible = [one for one in self.profiles if most is None or one.memory <= most]
        return find_feedback(possible, self.user_groups, sessions)


def _read_state(ledger: MemoryLedger, budget: MemoryBudget, username: str) -> BudgetState:
    account = make_account(budget, username)

    def sum_up() -> BudgetState:
        now = ledger.clock.read()
        spans = ledger.read_spans(account, find_window(budget, now))
        return make_state(budget, account, spans, now)

    return ledger.sum_up(account, sum_up)

"""What the hub's home page shows of servers that are about to stop, and of those kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyterhub.user import User
from jupyterhub.utils import url_escape_path, url_path_join

from jhub_gateway.cull_listing import find_elapsed, find_policy
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_keeping import find_keeping
from jhub_gateway.policy.cull_words import describe_cause, describe_more


@dataclass(frozen=True, slots=True)
class StopView:
    """A server that is about to stop, or that its user has kept.

    ``at`` is ISO 8601: when it stops, or until when it is kept. ``cause`` is that of a CullVerdict
    and ``because`` the same in words; both are empty for one that is kept. ``more`` is what a click
    adds, such as "4 more hours", empty at the cap; ``url`` takes the click, a path at the hub.
    """

    server_name: str
    at: str
    cause: str = ""
    because: str = ""
    more: str = ""
    url: str = ""


def find_stops(policies: Mapping[str, CullPolicy], user: User) -> list[StopView]:
    """Return the user's running servers that are about to stop or are kept, the default first."""
    running = [spawner for _, spawner in sorted(user.spawners.items()) if spawner.ready]
    views = (_make_view(find_policy(policies, spawner), spawner) for spawner in running)
    return [view for view in views if view is not None]


def _make_view(policy: CullPolicy, spawner: Any) -> StopView | None:
    if spawner.notice is not None:
        return StopView(
            spawner.name,
            _find_time(spawner.seconds_left),
            spawner.notice.cause,
            describe_cause(policy, spawner.notice.cause),
            describe_more(_find_more(policy, spawner)),
            make_keep_url(spawner),
        )
    if spawner.kept_for > 0:
        return StopView(spawner.name, _find_time(spawner.kept_for))
    return None


def _find_more(policy: CullPolicy, spawner: Any) -> float:
    age, left = find_elapsed(spawner.orm_spawner.started), spawner.seconds_left
    keeping = find_keeping(policy, age, left, spawner.run.granted)
    return keeping.seconds - left if keeping else 0


def make_keep_url(spawner: Any) -> str:
    """Return the address to which the page sends that the user keeps the server."""
    return url_path_join(
        spawner.hub.base_url,
        "gateway",
        "keep",
        spawner.user.escaped_name,
        url_escape_path(spawner.name),
    )


def _find_time(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")

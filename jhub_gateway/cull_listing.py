"""The servers that run, page by page, as a culler is told of them.

The database gives the order and the times, and costs one query a page, or two; what the hub
itself knows of a running server is in its memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from jupyterhub import orm
from jupyterhub.utils import utcnow

from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_policies import is_exempt

_COLUMNS = (
    orm.Spawner.id,
    orm.Spawner.user_id,
    orm.User.name.label("user"),
    orm.Spawner.name.label("server"),
    orm.Spawner.started,
    orm.Spawner.last_activity,
)


class ServerListing:
    """The servers of a hub; ``policies`` are those of its profiles, the default one under ""."""

    def __init__(self, app: Any, policies: Mapping[str, CullPolicy]) -> None:
        self._app = app
        self._of_profile = policies
        self._policies = list(dict.fromkeys(policies.values()))
        self._places = {policy: place for place, policy in enumerate(self._policies)}
        self._exempting = frozenset[str]().union(*(one.exempt_groups for one in self._policies))

    def read_page(self, after: int, limit: int) -> dict[str, Any]:
        """Return up to ``limit`` servers that are ready, of those with a greater id than ``after``.

        ``next`` is the id to go on after, or ``None`` at the end. The rest is as documented for
        ``GET /hub/api/gateway/servers``.
        """
        rows = self._read_rows(after, limit)
        groups = self._read_groups([row.user_id for row in rows])
        return {
            "policies": [_describe_policy(one) for one in self._policies],
            "servers": [
                self._describe(row, spawner, groups.get(row.user_id, set()))
                for row in rows
                if (spawner := self._find_ready(row)) is not None
            ],
            "next": rows[-1].id if len(rows) == limit else None,
        }

    def _read_rows(self, after: int, limit: int) -> Sequence[Any]:
        query = (
            self._app.db.query(*_COLUMNS)
            .join(orm.User, orm.Spawner.user_id == orm.User.id)
            .filter(orm.Spawner.server_id.is_not(None), orm.Spawner.id > after)
            .order_by(orm.Spawner.id)
            .limit(limit)
        )
        rows: Sequence[Any] = query.all()
        return rows

    def _read_groups(self, user_ids: Sequence[int]) -> dict[int, set[str]]:
        """Return which exempting groups the users are in, by the users' ids."""
        found: dict[int, set[str]] = {}
        if not (self._exempting and user_ids):
            return found
        table = orm.user_group_map.c
        query = (
            self._app.db.query(table.user_id, orm.Group.name)
            .join(orm.Group, orm.Group.id == table.group_id)
            .filter(orm.Group.name.in_(self._exempting), table.user_id.in_(user_ids))
        )
        for user_id, group in query:
            found.setdefault(user_id, set()).add(group)
        return found

    def _find_ready(self, row: Any) -> Any:
        """Return the spawner of a server that is ready, else None. Makes none."""
        users = self._app.users
        spawner = users[row.user_id].spawners.get(row.server) if row.user_id in users else None
        return spawner if spawner is not None and spawner.ready else None

    def _describe(self, row: Any, spawner: Any, groups: set[str]) -> dict[str, Any]:
        policy = find_policy(self._of_profile, spawner)
        return {
            "user": row.user,
            "server": row.server,
            "run": spawner.run.run_id,
            "profile": spawner.profile,
            "policy": self._places[policy],
            "is_exempt": is_exempt(policy, groups),
            "age": find_elapsed(row.started),
            "idle_for": find_elapsed(row.last_activity or row.started),
            "url": spawner.server.url,
            "key": spawner.run.use_key,
            "kept_for": spawner.kept_for,
            "granted": spawner.run.granted,
            "warned_for": spawner.warned_for,
            "cause": spawner.notice.cause if spawner.notice else None,
        }


def find_policy(policies: Mapping[str, CullPolicy], spawner: Any) -> CullPolicy:
    """Return the policy of a server; of one whose profile is no more, the default."""
    return policies.get(spawner.profile) or policies[""]


def find_elapsed(since: datetime | None) -> float:
    """Return the seconds since a time of JupyterHub's database; 0 if it is not known."""
    return max((utcnow(with_tz=False) - since).total_seconds(), 0) if since else 0


def _describe_policy(policy: CullPolicy) -> dict[str, Any]:
    return {key: value for key, value in asdict(policy).items() if key != "exempt_groups"}

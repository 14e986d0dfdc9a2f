"""What sessions requested and used of memory, for operators."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.app import JupyterHub
from tornado import web

from jhub_gateway.api_bodies import check_scopes, read_number
from jhub_gateway.policy.memory_hours import DAY
from jhub_gateway.policy.memory_summary import ProfileUse, summarise, summarise_all

_MOST_DAYS = 366
_DEFAULT_DAYS = 30


class MemoryUseHandler(APIHandler):
    """Requested against used by profile, and by user for who asks for that."""

    def get(self) -> None:
        """``?days=30&by_user=0``: sessions of so many days; with ``by_user=1`` for each user."""
        days = read_number(self, "days", _DEFAULT_DAYS, _MOST_DAYS)
        by_user = bool(read_number(self, "by_user", 0, 1))
        scopes = ["read:servers", *(["list:users"] if by_user else [])]
        check_scopes(self, *scopes)
        ledger = self.app.spawner_class.ledger
        if ledger is None:
            raise web.HTTPError(503, "The memory of servers is not counted; see the hub's log.")
        since = ledger.clock.read() - days * DAY
        sessions = list(ledger.read_sessions(since))
        profiles = summarise(sessions, since, by_user)
        self.write(
            {
                "days": days,
                "profiles": [_describe(one, by_user) for one in profiles],
                "all": _describe(summarise_all(sessions, since), by_user=False),
            }
        )


def _describe(use: ProfileUse, by_user: bool) -> Mapping[str, Any]:
    described = asdict(use)
    return described if by_user else {key: one for key, one in described.items() if key != "user"}


def add_memory_api(app: JupyterHub) -> None:
    """Serve it. Call it before JupyterHub has put its handlers together."""
    app.extra_handlers.append((r"/api/gateway/memory-use", MemoryUseHandler))

"""A spawner whose servers are stopped when nobody needs them.

It holds what has to outlive whoever decides that: which run of the server it is, how much longer
its user has asked to keep it, and since when they are warned.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from secrets import token_hex, token_urlsafe
from typing import Any

from traitlets import Dict, validate

from jhub_gateway.cull_metrics import REPORTS
from jhub_gateway.models import CullPolicy, Reason
from jhub_gateway.policy.cull_keeping import Keeping
from jhub_gateway.policy.cull_policies import (
    is_exempt,
    parse_cull_policy,
    parse_profile_policies,
)
from jhub_gateway.policy.cull_words import describe_stop
from jhub_gateway.profiled_spawner import ProfiledSpawner

KEY_VARIABLE = "JHUB_GATEWAY_USE_KEY"


@dataclass(slots=True)
class Run:
    """One run of a server, from its start to its end.

    ``run_id`` is 16 hexadecimal digits, or empty for a server that an earlier version started.
    ``use_key`` opens what the server says of its own use. ``kept_until`` is seconds since 1970,
    ``granted`` all seconds that its user was given.
    """

    run_id: str = ""
    use_key: str = field(default="", repr=False)
    kept_until: float = 0
    granted: float = 0


@dataclass(slots=True)
class CullNotice:
    """Its user is told that the server stops by ``cause``. Times are ``time.monotonic()``."""

    since: float
    stops_at: float
    cause: str


class CulledSpawner(ProfiledSpawner):
    """A spawner that knows its server's run, and who was told that it stops.

    Mix it in before a JupyterHub Spawner.
    """

    # What JupyterHub's Spawner brings.
    pending: str | None
    ready: bool

    run: Run = Run()
    notice: CullNotice | None = None
    # Whether this hub is stopping the server for want of use, or for its age.
    is_culling = False

    cull = Dict(
        config=True,
        help="""
        When servers are stopped that nobody needs: a mapping with any of these keys. All
        durations are numbers of seconds; each profile's own ``cull`` goes before these.

        - ``idle_after``: since the server was last used: somebody did something in it, or
          something that ran in it came to an end. ``None``: never for want of use. Default:
          10800, 3 hours.
        - ``grace_after_disconnect``: not before the server's last page has been closed for so
          long, so that who comes back finds it. Default: 900, 15 minutes.
        - ``max_age``: since its start, used or not. Default: ``None``, no limit.
        - ``warn_before``: how long ahead its user is told, in JupyterLab and on the hub's home
          page. No server is stopped without having been announced for so long. It must be less
          than ``idle_after`` and ``max_age``. Default: 1800, 30 minutes.
        - ``keep_alive_step``: what one click of theirs on "Keep it" adds. Default: 14400, 4 hours.
        - ``keep_alive_max``: what all their clicks in one run may add. 0: nothing, users can only
          use the server. Default: 86400, 1 day.
        - ``busy_counts_as_active``: whether a kernel, a terminal or a job that works counts as
          use. With false a server stops under one that works. Default: true.
        - ``busy_max``: for how long it counts, so that a loop that was forgotten ends one day.
          ``None``: without end. Default: 259200, 3 days.
        - ``exempt_groups``: members of any of these groups are never stopped. Default: none.

        Nothing is stopped unless the service ``jhub-gateway cull`` runs. A wrong entry stops the
        hub at its start. Default: ``{}``, all of these defaults.
        """,
    )

    @validate("cull")
    def _check_cull(self, proposal: Any) -> Any:
        parse_cull_policy(proposal.value)
        return proposal.value

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse what a profile and the default make together. Raises ConfigurationError."""
        super().check_at_start(app)
        load_cull_policies(cls, app)

    # Told before a start

    def make_form_entries(self) -> list[dict[str, Any]]:
        """Add ``stops``, when a server of each profile is stopped, if anything stops it."""
        entries = super().make_form_entries()
        if not REPORTS.is_current:
            return entries
        policies = parse_profile_policies(self.cull, self.profiles)
        for entry in entries:
            policy = policies[entry["slug"]]
            entry["stops"] = "" if is_exempt(policy, self.user_groups) else describe_stop(policy)
        return entries

    # What is remembered

    def get_state(self) -> dict[str, Any]:
        """Remember the run, so that a hub that restarts knows what its user was given."""
        state = super().get_state()
        if self.run.run_id:
            state |= {"run": asdict(self.run), "profile": self._slug}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)
        known = {one.name for one in fields(Run)}
        found = state.get("run", {}).items()
        self.run = Run(**{key: value for key, value in found if key in known})
        self._slug = state.get("profile", "")

    def clear_state(self) -> None:
        """Forget the run of a server that has stopped."""
        super().clear_state()  # type: ignore[misc]
        self.run, self.notice, self._slug = Run(), None, ""

    # A run

    def start(self) -> Any:
        """Begin a run of its own; how the one before ended is forgotten."""
        self.run, self.notice = Run(token_hex(8), token_urlsafe(32)), None
        self.last_end = None
        return super().start()  # type: ignore[misc]

    def get_env(self) -> dict[str, str]:
        """Add the key to what the server says of its own use."""
        env: dict[str, str] = super().get_env()  # type: ignore[misc]
        return env | ({KEY_VARIABLE: self.run.use_key} if self.run.use_key else {})

    async def poll(self) -> int | None:
        """Say whether the server runs; of one that goes on, why it ended is not true."""
        status: int | None = await super().poll()  # type: ignore[misc]
        if status is None and self.last_end and not (self.pending or self.is_ending):
            # The hub was killed before it could stop it.
            self.last_end = None
        return status

    @property
    def profile(self) -> str:
        """The slug of the profile of this run; empty without one."""
        return self._slug

    # Warned, and kept

    def warn(self, seconds: float, cause: str) -> None:
        """Tell its user that the server stops in ``seconds``; once told, that is only corrected."""
        now = time.monotonic()
        since = self.notice.since if self.notice else now
        self.notice = CullNotice(since, now + seconds, cause)

    @property
    def warned_for(self) -> float | None:
        """Since how many seconds its user is told that the server stops; None if they aren't."""
        return time.monotonic() - self.notice.since if self.notice else None

    @property
    def seconds_left(self) -> float:
        """In how many seconds the server stops, as its user was told; 0 without that."""
        return max(self.notice.stops_at - time.monotonic(), 0) if self.notice else 0

    @property
    def kept_for(self) -> float:
        """For how many more seconds its user has asked to keep it."""
        return max(self.run.kept_until - time.time(), 0)

    def keep(self, keeping: Keeping) -> None:
        """Keep the server as its user asked; nobody is warned of its end any more."""
        self.run.kept_until = time.time() + keeping.seconds
        self.run.granted = keeping.granted
        self.notice = None
        self.save_state()

    # Stopped

    def begin_cull(self, reason: Reason) -> None:
        """Remember why the server is about to be stopped."""
        self.is_culling = True
        self.remember_end(reason, self.profile)
        self.save_state()

    def end_cull(self) -> bool:
        """Return whether the server is stopped; of one that goes on, the reason is forgotten."""
        self.is_culling = False
        if not self.ready:
            return True
        self.last_end = None
        self.save_state()
        return False

    def save_state(self) -> None:
        """Put the state where JupyterHub's next commit writes it."""
        self.orm_spawner.state = self.get_state()


@cache
def load_cull_policies(spawner_class: type[CulledSpawner], app: Any) -> Mapping[str, CullPolicy]:
    """Return the policy of each of the hub's profiles by slug, and the default one under "".

    Raises ConfigurationError, with a sentence that names the trait, the profile and the key.
    """
    spawner = spawner_class.make_for_checks(app)
    return parse_profile_policies(spawner.cull, spawner.profiles)

"""What both spawners have in common: memory profiles, and who may have which."""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, Self

from jupyterhub.app import JupyterHub
from traitlets import Dict, List, default, validate

from jhub_gateway.ended_spawner import EndedSpawner
from jhub_gateway.errors import ConfigurationError, ProfileNotAllowed, StartRefused
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.larger_profiles import find_larger
from jhub_gateway.policy.placeholders import check_no_placeholders
from jhub_gateway.policy.profiles import (
    allowed_profiles,
    choose_profile,
    make_override,
    parse_profiles,
)
from jhub_gateway.policy.quantities import format_memory
from jhub_gateway.refusals import make_misconfigured, make_refusal
from jhub_gateway.request_ids import outside_requests
from jhub_gateway.size_offers import EndView, make_end_view, make_environment
from jhub_gateway.trait_checks import check_known_traits

HUB_MISCONFIGURED = "This hub is not set up correctly. Tell the gateway's operators."


class UserOptions(Dict):
    """What a start asks for. The REST API hands over any JSON; what is no mapping asks for nothing.

    JupyterHub would count it as a failed start, and a hub that counts some in a row stops.
    """

    def validate(self, obj: Any, value: Any) -> Any:
        return super().validate(obj, value if isinstance(value, dict) else {})


class ProfiledSpawner(EndedSpawner):
    """A spawner whose servers are sized by the memory profile that the user chose.

    Mix it in before a JupyterHub Spawner, which starts the server. It calls
    :meth:`choose_profile` at each start, so that the form, the REST API, a named server and an
    administrator's start are all held to the same rule.
    """

    # What JupyterHub's Spawner brings.
    user: Any
    orm_spawner: Any
    handler: Any
    active: bool
    _log_name: str

    # The slug of this start's profile.
    _slug = ""

    user_options = UserOptions(
        help="""
        What the start asks for: ``{"profile": slug}``, or nothing for the default profile.
    """
    )

    memory_profiles = List(
        Dict(),
        config=True,
        help="""
        The sizes of server that users choose from, as a list of mappings.

        Each has these keys; the first three are needed:

        - ``slug``: its name in URLs and in the REST API's ``{"profile": slug}``: 1 to 63
          lower-case letters, digits and hyphens. Keep it once users have started servers with it.
        - ``display_name``: its name on the page.
        - ``memory``: the limit, e.g. ``"4G"``. The suffixes K, M, G, T (and Ki, Mi, Gi, Ti) are
          powers of 1024, as in JupyterHub's ``mem_limit``. A server over it is killed.
        - ``description``: what the size is good for, shown below the name. Default: none.
        - ``memory_guarantee``: what the scheduler keeps free for the server. Default: the limit,
          so that no server can starve another; less packs more servers on a node, which may then
          run out of memory.
        - ``cpu``, ``cpu_guarantee``: the same in cores, e.g. ``2`` or ``0.5``. Default: no limit.
        - ``allowed_groups``: who may have it: members of any of these groups, compared exactly.
          Default: everybody.
        - ``node_selector``, ``tolerations``: the nodes it runs on, as Kubernetes has them, beside
          what the hub sets for all servers. On one machine they have no effect.
        - ``extra_resource_limits``: what else Kubernetes gives it, and how many, e.g.
          ``{"nvidia.com/gpu": 1}``. A node that has none of it takes no such server. Default:
          nothing. On one machine it has no effect.
        - ``image``: the image of its servers. Default: the hub's.
        - ``cull``: when its servers are stopped that nobody needs, with the keys of the setting
          ``cull``; what is left out is as there. Larger sizes can have shorter patience.
          Default: as there.
        - ``default``: true for the one that is chosen for a start that names none, unless the
          user may still have the one of their last start. Default: the first that the user may
          have.

        Default: no profiles; there is no choice then and servers have the hub's own limits. A
        wrong entry stops the hub at its start.
        """,
    )

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[..., None]:
        # The one option is applied at the start itself, so that no setting can leave out the
        # check; without this JupyterHub would warn of an option that nobody handles.
        return lambda _spawner, _options: None

    @validate("memory_profiles")
    def _check_memory_profiles(self, proposal: Any) -> Any:
        parse_profiles(proposal.value)
        return proposal.value

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Check this spawner's settings when the hub starts.

        ``app`` is the :class:`jupyterhub.app.JupyterHub`, configured. Raises ConfigurationError,
        or traitlets' TraitError for a value of the wrong type.
        """
        cls.make_for_checks(app)

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Make what starts need on this machine, and tell the operator what holds.

        Called once, after the check. Raises ConfigurationError.
        """

    @classmethod
    def make_for_checks(cls, app: Any) -> Self:
        """Return a spawner of nobody: making it runs the checks of every trait."""
        nobody = SimpleNamespace(id=0, name="nobody", url="/", groups=[])
        return cls(parent=app, user=nobody, authenticator=getattr(app, "authenticator", None))

    @property
    def profiles(self) -> tuple[MemoryProfile, ...]:
        """All profiles of this hub, whoever may have them."""
        return parse_profiles(self.memory_profiles)

    @property
    def open_profiles(self) -> tuple[MemoryProfile, ...]:
        """The profiles that the owner may start now, in the operator's order."""
        return allowed_profiles(self.profiles, self.user_groups)

    @property
    def user_groups(self) -> frozenset[str]:
        """Names of the groups of the server's owner, whoever asked for the start."""
        return frozenset(group.name for group in self.user.groups)

    def start_polling(self) -> None:
        """Poll the server as long as it runs, which is for longer than any request's work."""
        with outside_requests():
            super().start_polling()  # type: ignore[misc]

    def choose_profile(self) -> MemoryProfile | None:
        """Return the profile of this start, or None if this hub has no profiles.

        Raises tornado's HTTPError with a sentence for the user: 403 if they may not have it, 500
        if the hub's settings are wrong, for an authenticator that did not check them at the start.
        """
        self._prepare_hub()
        if not self.memory_profiles:
            return None
        try:
            profile = self._choose_allowed()
        except StartRefused as refusal:
            asked = self.user_options.get("profile")
            self.log.warning(
                "Refused profile %.80r to %s (%s)", asked, self._log_name, refusal.code
            )
            # JupyterHub has remembered it already, for the next start that names none.
            self.orm_spawner.user_options = {}
            raise make_refusal(self, str(refusal), refusal.code) from None
        self._slug = profile.slug
        return profile

    def _choose_allowed(self) -> MemoryProfile:
        asked = self.user_options.get("profile")
        try:
            return choose_profile(self.profiles, self.user_groups, asked)
        except ProfileNotAllowed:
            if not asked or self._names_a_profile():
                raise
        # It was remembered from an earlier start, and is the user's no more.
        self.user_options = {}
        return choose_profile(self.profiles, self.user_groups)

    def _names_a_profile(self) -> bool:
        """Whether the request of this start does, be it a form, an address or JSON."""
        request = self.handler.request if self.handler else None
        # JupyterHub 6 calls it "opt-profile" in an address.
        names = {"profile", "opt-profile"}
        return (
            request is None or b"profile" in request.body or not names.isdisjoint(request.arguments)
        )

    def _prepare_hub(self) -> None:
        if not JupyterHub.initialized():
            return
        try:
            prepare_once(type(self), JupyterHub.instance())
        except ConfigurationError as problem:
            self.log.critical("No server can start: %s", problem)
            raise make_misconfigured(self, HUB_MISCONFIGURED) from None

    def make_profile_environment(self) -> dict[str, str]:
        """Return the variable that tells the server of the next larger size, if there is one."""
        return make_environment(self, self._find_larger(self._slug))

    @property
    def end_view(self) -> EndView | None:
        """How the server ended last, for a page; None if it runs or nothing is known."""
        end = self.last_end
        if not end or self.active:
            return None
        return make_end_view(self, end, self._find_larger(end.get("profile", "")))

    def _find_larger(self, slug: str) -> MemoryProfile | None:
        try:
            # An empty slug is the default profile.
            slug = slug or choose_profile(self.profiles, self.user_groups).slug
        except ProfileNotAllowed:
            return None
        return find_larger(self.profiles, self.user_groups, slug)

    def make_form_views(self) -> dict[str, Any]:
        """Return what else the page of profiles shows, as ``render_profile_form`` takes it."""
        return {}

    def make_profile_list(self) -> list[dict[str, Any]]:
        """Return the profiles that the owner may have, as KubeSpawner's ``profile_list``."""
        mine = self.open_profiles
        if not mine:
            return []
        default = choose_profile(mine, self.user_groups)
        return [_make_entry(profile, profile == default) for profile in mine]

    # The page

    def make_form_entries(self) -> list[dict[str, Any]]:
        """Return what the profile page shows of each profile that the owner may have."""
        return self.make_profile_list()


@cache
def prepare_once(spawner_class: type[ProfiledSpawner], app: JupyterHub) -> None:
    """Check the spawner's settings and prepare its starts, unless that is done already.

    Raises ConfigurationError.
    """
    check_spawner(spawner_class, app)
    spawner_class.prepare_at_start(app)


def check_spawner(spawner_class: type[ProfiledSpawner], app: JupyterHub) -> None:
    """Check the spawner's settings; changes nothing. Raises ConfigurationError."""
    check_no_placeholders(app.config)
    check_known_traits(spawner_class, app.config)
    spawner_class.check_at_start(app)


def _make_entry(profile: MemoryProfile, is_default: bool) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "display_name": profile.display_name,
        "description": profile.description,
        "memory": format_memory(profile.memory),
        "cpu": profile.cpu,
        "default": is_default,
        "kubespawner_override": make_override(profile),
    }

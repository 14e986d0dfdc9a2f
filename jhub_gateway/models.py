"""The nouns that the other modules share. Plain values, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class MemoryProfile:
    """A size of server that a user can choose.

    ``memory`` and ``memory_guarantee`` are bytes, ``cpu`` and ``cpu_guarantee`` are cores.
    ``None`` means: no limit of its own (cpu), what the hub is configured with (image), or
    everybody (allowed_groups). ``extra_resource_limits`` maps what else it gets, such as
    ``nvidia.com/gpu``, to how many. ``cull`` is what is particular to it of a :class:`CullPolicy`.
    """

    slug: str
    display_name: str
    memory: int
    memory_guarantee: int
    description: str = ""
    cpu: float | None = None
    cpu_guarantee: float | None = None
    allowed_groups: frozenset[str] | None = None
    node_selector: Mapping[str, str] | None = None
    tolerations: tuple[Mapping[str, Any], ...] = ()
    extra_resource_limits: Mapping[str, str] | None = None
    image: str | None = None
    default: bool = False
    cull: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CullPolicy:
    """When a server is stopped that nobody needs. All durations are seconds.

    ``idle_after``: since it was last used. ``grace_after_disconnect``: not before its last page
    has been closed for so long. ``max_age``: since its start, used or not. ``warn_before``: how
    long ahead its user is told. ``keep_alive_step``: what one click of theirs adds, and
    ``keep_alive_max`` all clicks in one run. ``busy_max``: how long what runs in it counts as use,
    if it does. ``exempt_groups``: whose servers are never stopped. ``None`` is without end.
    """

    idle_after: float | None = 10800
    grace_after_disconnect: float = 900
    max_age: float | None = None
    warn_before: float = 1800
    keep_alive_step: float = 14400
    keep_alive_max: float = 86400
    busy_counts_as_active: bool = True
    busy_max: float | None = 259200
    exempt_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What a server says of its own use. Durations are seconds, so that no clock matters.

    ``idle_for``: since somebody did something in it, or something that ran in it came to an end;
    what a program prints is no use. ``disconnected_for``: since the last page of it was closed, 0
    while one is open. ``busy_for``: how long the one that is busy for the shortest time has been
    so, of its kernels, terminals and jobs; ``None`` if none is.
    """

    idle_for: float
    disconnected_for: float = 0
    busy_for: float | None = None


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a running server when it is judged. Durations are seconds.

    ``age``: since its start. ``use`` is ``None`` where it is not known. ``kept_for``: how much
    longer its user has asked to keep it, 0 if they have not; ``granted``: how much they were given
    in all in this run. ``warned_for``: since its user was told that it stops, ``None`` if they
    were not, or if it was kept since.
    """

    age: float
    use: ServerUse | None = None
    kept_for: float = 0
    granted: float = 0
    warned_for: float | None = None
    is_exempt: bool = False


@dataclass(frozen=True, slots=True)
class CullVerdict:
    """What becomes of a server: ``act`` is "keep", "warn" or "stop".

    ``cause`` is why it stops, then or one day: "idle", "busy" (what runs in it has run for too
    long to count) or "age"; empty where it never does. ``seconds`` is how long until then if
    nothing changes, infinite if never.
    """

    act: str
    cause: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a home is.

    ``issuer`` and ``subject`` are both given or both ``None``: OpenID Connect's ``iss`` and
    ``sub``, which stay when the provider changes the user's ``name``.
    """

    name: str
    issuer: str | None = None
    subject: str | None = None

    @property
    def identity(self) -> str:
        """What the home is tied to: subject and issuer, or the name of a user without them.

        No issuer has a space, so that no two pairs make one text.
        """
        return self.name if self.subject is None else f"{self.subject} {self.issuer}"


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a directory takes, in bytes, and when that was measured.

    ``limit`` is the file system's own quota in bytes, where it has one.
    """

    used: int
    measured_at: datetime
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class PlacesUsage:
    """What the homes, or the datasets, of a share take together.

    ``count``: how many were measured, ever; ``unmeasured``: how many never were. ``used`` is bytes.
    ``full``: how many have reached the file system's own quota. ``oldest_at`` is when the one was
    measured whose measure is oldest; ``None`` without any.
    """

    count: int = 0
    unmeasured: int = 0
    used: int = 0
    full: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShareUsage:
    """What the share has and what takes it, at the end of a measure. ``size``, ``free``: bytes."""

    measured_at: datetime
    size: int
    free: int
    homes: PlacesUsage = PlacesUsage()
    datasets: PlacesUsage = PlacesUsage()


@dataclass(frozen=True, slots=True)
class GroupFolder:
    """A folder of the share that the members of a group find in their servers."""

    group: str
    folder: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data that users read and never change: a directory of the share, or another claim.

    ``sub_path`` is below ``datasets/`` of the share, or below the root of ``claim``. ``size`` is
    bytes, where the operator knows them. ``allowed_groups`` is ``None`` for everybody.
    """

    name: str
    sub_path: str = ""
    claim: str | None = None
    description: str = ""
    size: int | None = None
    allowed_groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What a link from a gateway's page opens. All of it is text that others wrote.

    ``notebook`` is a path below the home. ``gateway`` is the name of the gateway that signed the
    link, empty for one that nobody signed. ``parameters`` are values by name. What is empty is not
    in the link.
    """

    notebook: str
    dataset: str = ""
    profile: str = ""
    run: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class LinkGateway:
    """A gateway whose signed links are taken.

    ``issuer`` is what it calls itself in them, ``name`` what users read. ``key_directory`` has a
    file for each of its keys, named after the key's id.
    """

    issuer: str
    name: str
    key_directory: str


@dataclass(frozen=True, slots=True)
class UnsignedLinks:
    """Links that anybody may make: to notebooks that match ``notebook``, with no more than this.

    ``parameters`` may have ``run`` among them.
    """

    notebook: str
    datasets: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """In what a link opens for a user. ``profile`` is ``None`` where the hub has no profiles.

    ``dataset`` is the link's, if it names one. ``is_tight`` says that the profile has less memory
    than the data should have, as no size of this gateway has more for the user.
    """

    profile: MemoryProfile | None = None
    dataset: Dataset | None = None
    is_tight: bool = False


@dataclass(frozen=True, slots=True)
class Tutorial:
    """Notebooks for every home: a directory of the share's ``tutorials/``, or a git repository."""

    name: str
    git: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class HomeQuota:
    """What a home may take, in bytes, for members of ``groups`` or in one of ``profiles``.

    ``None`` is everybody and every profile.
    """

    size: int
    groups: frozenset[str] | None = None
    profiles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """How many GiB-hours of memory are to be had in any ``days`` that follow one another.

    Of one with a ``group`` they are for all its members together; without, for each user.
    """

    hours: float
    days: float = 30
    group: str | None = None


@dataclass(frozen=True, slots=True)
class MemorySpan:
    """A server that had ``memory`` bytes from ``began`` to ``until``, in seconds since 1970."""

    memory: int
    began: int
    until: int


@dataclass(frozen=True, slots=True)
class UserMemoryLimit:
    """What all servers of a user may have together, in bytes, for members of ``groups``.

    ``None`` is everybody.
    """

    size: int
    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class MemorySession:
    """A server's run, as it is remembered: what it had and what it used of it, in bytes.

    ``peak`` is ``None`` where that is not known. ``began`` and ``until`` are seconds since 1970.
    """

    user: str
    profile: str
    memory: int
    began: int
    until: int
    peak: int | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """What a user's login at the gateway gives to a connector.

    ``expires_at`` is when the access token ends, in seconds since 1970 by the hub's clock, or
    ``None`` where the provider doesn't say. The tokens are never part of the text form.
    """

    username: str
    issuer: str
    subject: str
    groups: frozenset[str]
    access_token: str = field(repr=False)
    id_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """What a connector made of a login: files for the user's server, and how long they hold.

    ``files`` are contents by file name; ``token`` is the name of the one that is a bearer token,
    if there is one (``access_token`` is the login's own). ``expires_at`` and ``renew_at`` are
    seconds since 1970; without ``renew_at`` the hub renews ahead of ``expires_at``. ``handle`` is
    JSON that the connector needs to renew or revoke it, kept encrypted in the hub's database.
    """

    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    token: str | None = None
    expires_at: float | None = None
    renew_at: float | None = None
    handle: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of a user, as their server is told of it.

    ``system`` is the kind of connector, ``audience`` the service that it is for. ``state`` is
    ``"valid"``; ``"late"`` when it could not be renewed yet and may still hold; or ``"ended"``.
    ``sentence`` says what to do when it isn't valid.
    """

    name: str
    system: str
    audience: str = ""
    state: str = "valid"
    sentence: str = ""
    issued: Issued = Issued()


@dataclass(frozen=True)
class Reason:
    """Why a server does not start, or has ended.

    ``code`` labels it in the metrics. ``sentence`` is for the user, with what to do next;
    ``cause`` for the operator's log. Where ``is_final`` is false it may still go on: the reason
    says what is being waited for.
    """

    code: str
    sentence: str
    cause: str
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster, as the scheduler looks at it.

    ``taints`` have the keys ``key``, ``value`` and ``effect``. ``allocatable`` is what all pods of
    the node may take together, as Kubernetes writes it: ``{"memory": "15988360Ki", "cpu": "4"}``.
    """

    name: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    allocatable: Mapping[str, str]

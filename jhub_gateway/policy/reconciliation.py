"""What becomes of pods that no server of the hub has, and of servers whose pod is gone.

Whose a pod is, is never guessed. Its labels name the hub and the hub's database; its start id is
in that database before the pod is made, so that a pod whose start the database doesn't know (any
more) belongs to no server and never will. A pod of another database, or of none, is left alone:
its hub may be away and come back.

List the pods first and read the database after: what was started in between is known then.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from jhub_gateway.policy.labels import DATABASE, HUB, START_ID


def make_lease_name(hub_name: str) -> str:
    """Return the name of the hub's Lease: another for each hub.

    Hubs may have names that no Lease can have.
    """
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", hub_name):
        hub_name = hashlib.sha256(hub_name.encode()).hexdigest()[:40]
    return f"jhub-gateway-{hub_name}"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as its metadata tell of it. ``is_ending``: it has been deleted and is not gone yet."""

    name: str
    uid: str
    hub: str | None
    database: str | None = None
    start_id: str | None = None
    is_ending: bool = False

    @classmethod
    def make(cls, metadata: Mapping[str, Any]) -> Self:
        """Return what the metadata of the Kubernetes API tell."""
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return cls(
            metadata["name"],
            metadata["uid"],
            labels.get(HUB),
            labels.get(DATABASE),
            annotations.get(START_ID),
            bool(metadata.get("deletionTimestamp")),
        )


@dataclass(frozen=True, slots=True)
class Server:
    """A server as the hub knows it.

    ``is_stored``: the database has it as starting, running or stopping. ``is_pending``: this hub
    starts, stops or checks it now. ``is_watched``: this hub asks now and then whether it runs.
    """

    username: str
    name: str
    pod_name: str
    start_id: str | None = None
    is_stored: bool = True
    is_pending: bool = False
    is_watched: bool = False

    def may_have(self, pod: Pod) -> bool:
        """Whether the pod is this server's, as far as that is known."""
        if pod.name != self.pod_name or not (self.is_stored or self.is_pending or self.is_watched):
            return False
        # One that starts or stops sees to all pods of its name itself.
        return self.is_pending or None in (self.start_id, pod.start_id) or self._started(pod)

    def _started(self, pod: Pod) -> bool:
        return pod.start_id == self.start_id


@dataclass(frozen=True, slots=True)
class Reap:
    """Delete this pod: no server has it."""

    pod_name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Free:
    """End this server at the hub: its pod is gone. Look at the pod itself first."""

    username: str
    server_name: str
    start_id: str | None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take up this server: it runs, and this hub doesn't watch it."""

    username: str
    server_name: str
    start_id: str | None


Act = Reap | Free | Adopt


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for this hub. Durations are seconds.

    ``is_elected``: no other hub of this name reconciles now. Without it nothing is done to a
    server that another hub with the same database may look after.
    """

    hub_name: str
    database_id: str
    reap_after: float
    start_timeout: float
    is_elected: bool


def decide(
    rules: Rules,
    servers: Iterable[Server],
    pods: Iterable[Pod],
    seen: Mapping[Act, float],
    now: float,
) -> tuple[list[Act], dict[Act, float]]:
    """Return what to do now, and what there may be to do with the time it was first seen.

    Hand the latter over as ``seen`` the next time. All times are of one clock, this process's own.
    Nothing is done that was not there to do the last time.
    """
    own = [pod for pod in pods if pod.hub == rules.hub_name]
    known: dict[str, list[Server]] = {}
    for server in servers:
        known.setdefault(server.pod_name, []).append(server)
    since: dict[Act, float] = {}
    due: list[Act] = []
    for act, wait in (*_find_orphans(rules, known, own), *_find_lost(rules, known, own)):
        since[act] = seen.get(act, now)
        if act in seen and now - since[act] >= wait:
            due.append(act)
    return due, since


def find_strangers(hub_name: str, database_id: str, pods: Iterable[Pod]) -> list[Pod]:
    """Return the pods that bear this hub's name and were made with another database."""
    return [pod for pod in pods if pod.hub == hub_name and pod.database != database_id]


Servers = Mapping[str, list[Server]]  # by the name of their pod


def _find_orphans(rules: Rules, servers: Servers, pods: list[Pod]) -> Iterator[tuple[Act, float]]:
    for pod in pods:
        is_ours = bool(rules.database_id) and pod.database == rules.database_id
        claims = (server.may_have(pod) for server in servers.get(pod.name, ()))
        if is_ours and not pod.is_ending and not any(claims):
            yield Reap(pod.name, pod.uid), rules.reap_after


def _find_lost(rules: Rules, servers: Servers, pods: list[Pod]) -> Iterator[tuple[Act, float]]:
    by_name = {pod.name: pod for pod in pods}  # a namespace has one of each name
    for server in chain.from_iterable(servers.values()):
        if server.is_pending or not server.is_stored:
            continue
        pod = by_name.get(server.pod_name)
        is_there = pod is not None and server.may_have(pod)
        key = (server.username, server.name, server.start_id)
        if server.is_watched and not is_there:
            yield Free(*key), 0
        elif not server.is_watched and rules.is_elected:
            if not is_there:
                # Another hub may be about to make its pod.
                yield Free(*key), max(rules.reap_after, rules.start_timeout)
            elif pod is not None and not pod.is_ending:
                yield Adopt(*key), 0

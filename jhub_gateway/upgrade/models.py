"""What an upgrade goes from, and what to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Release:
    """What an image, or this installation, has.

    ``layout`` is the version of the share that it works with, and ``revisions`` are those of the
    hub's database that its JupyterHub knows, the newest first.
    """

    version: str
    jupyterhub: str
    layout: int
    revisions: tuple[str, ...]

    @classmethod
    def make(cls, answer: Mapping[str, Any]) -> Self:
        """Return it from a probe's answer. Raises what a strange one gives."""
        return cls(
            version=str(answer["version"]),
            jupyterhub=str(answer["jupyterhub"]),
            layout=int(answer["layout"]),
            revisions=tuple(map(str, answer["revisions"])),
        )

    def __str__(self) -> str:
        return f"jhub-gateway {self.version} with JupyterHub {self.jupyterhub}"


@dataclass(frozen=True, slots=True)
class UserPod:
    """A user's server as Kubernetes has it; another pod of the same name has another ``uid``."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is before an upgrade; ``None`` is what can't be known.

    ``layout`` is the share's, ``revision`` the database's, empty where it has no tables. ``chart``
    is the label ``helm.sh/chart``, empty without one.
    """

    version: str | None
    jupyterhub: str | None
    chart: str
    layout: int | None
    revision: str | None
    pods: tuple[UserPod, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the values files ask for. ``uid`` and ``gid`` are those of the share's files.

    ``image`` is the new hub's, ``pods_namespace`` is empty where it is the hub's own.
    """

    image: str
    claim: str
    hub_name: str
    uid: int
    gid: int
    pods_namespace: str = ""

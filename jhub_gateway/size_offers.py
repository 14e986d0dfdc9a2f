"""A larger size, offered to the user whose server ran out of memory."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jupyterhub import version_info
from jupyterhub.utils import url_escape_path, url_path_join
from tornado.httputil import url_concat

from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.quantities import format_memory

VARIABLE = "JHUB_GATEWAY_LARGER"
# JupyterHub 6 takes the options of a start by names of their own.
_PROFILE_ARGUMENT = "opt-profile" if version_info >= (6,) else "profile"


@dataclass(frozen=True, slots=True)
class SizeOffer:
    """A size: its ``name``, its ``memory`` such as "8 GB", and the hub's address that leads to it.

    ``url`` is a path at the hub.
    """

    name: str
    memory: str
    url: str


@dataclass(frozen=True, slots=True)
class EndView:
    """How a server ended, for a page.

    ``at`` is ISO 8601; ``code`` is that of a :class:`~jhub_gateway.models.Reason`; ``offer`` is a
    larger size where that helps.
    """

    server_name: str
    at: str
    code: str
    sentence: str
    offer: SizeOffer | None


def make_restart_url(spawner: Any, slug: str) -> str:
    """Return the page that asks whether to restart the server in another size."""
    return url_concat(_make_url(spawner, "gateway", "restart"), {"profile": slug})


def make_start_url(spawner: Any, slug: str) -> str:
    """Return the address at which JupyterHub starts the server in that size."""
    return url_concat(_make_url(spawner, "spawn"), {_PROFILE_ARGUMENT: slug})


def make_environment(spawner: Any, larger: MemoryProfile | None) -> dict[str, str]:
    """Return the variable that tells a server of the next larger size; none if there is none."""
    if larger is None:
        return {}
    return {
        VARIABLE: json.dumps(asdict(_make_offer(larger, make_restart_url(spawner, larger.slug))))
    }


def make_end_view(spawner: Any, end: Mapping[str, str], larger: MemoryProfile | None) -> EndView:
    """Return what a page shows of an end; ``larger`` is offered to who ran out of memory."""
    url = make_start_url(spawner, larger.slug) if larger else ""
    offer = _make_offer(larger, url) if larger and end["code"] == "oom" else None
    return EndView(spawner.name, end["at"], end["code"], end["sentence"], offer)


def _make_offer(profile: MemoryProfile, url: str) -> SizeOffer:
    return SizeOffer(profile.display_name, format_memory(profile.memory), url)


def _make_url(spawner: Any, *page: str) -> str:
    return url_path_join(
        spawner.hub.base_url, *page, spawner.user.escaped_name, url_escape_path(spawner.name)
    )

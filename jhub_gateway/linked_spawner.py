"""What both spawners have in common about links from a gateway's page into a notebook."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from traitlets import Dict, Float, List, TraitError, validate

from jhub_gateway.data_spawner import DataSpawner
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.link_keys import read_keys
from jhub_gateway.models import Link, LinkGateway, LinkPlan, UnsignedLinks
from jhub_gateway.policy.link_plans import check_place, find_dataset, plan_link
from jhub_gateway.policy.link_rules import (
    GATEWAYS,
    UNSIGNED,
    parse_link_gateways,
    parse_unsigned_links,
)

VARIABLE = "JHUB_GATEWAY_LINK"

# What reads each setting, and raises ConfigurationError for what it can't.
_PARSERS: dict[str, Callable[[Any], object]] = {
    GATEWAYS: parse_link_gateways,
    UNSIGNED: parse_unsigned_links,
}


class LinkedSpawner(DataSpawner):
    """A spawner whose named servers can be those of links, and know what their link says.

    Mix it in before a JupyterHub Spawner.
    """

    # What this server was made for, if a link made it. It stays over restarts and stops.
    link: Link | None = None

    link_gateways = List(
        Dict(),
        config=True,
        help="""
        The gateways whose signed links open notebooks, at ``/hub/gateway/open``, as a list of
        mappings; each key is needed:

        - ``issuer``: what the gateway calls itself in its links (``iss``), such as its address.
        - ``name``: what users read of it.
        - ``key_directory``: a directory, as the hub sees it, with a file for each key with which
          the gateway signs: the file's name is the key's id, its contents are the key, 32 bytes at
          least. It is read anew for each link, so that keys are changed without a restart.

        Links need named servers: the hub does not start without ``JupyterHub.allow_named_servers``.
        Default: none; no signed link is taken.
        """,
    )

    unsigned_links = List(
        Dict(),
        config=True,
        help="""
        Notebooks that anybody may link to without a signature, as a list of mappings:

        - ``notebook``: a path below the home, such as ``tutorials/welcome-1/*.ipynb``; ``*`` and
          ``?`` stand for what has no slash. It is needed.
        - ``datasets``: the names of the data sets that such a link may name. Default: none.
        - ``parameters``: the names of the parameters that it may have, ``run`` among them.
          Default: none. A notebook gets from them what a stranger wrote.

        They need named servers, too. Default: none; only signed links are opened.
        """,
    )

    link_memory_factor = Float(
        2,
        config=True,
        help="""
        How much memory a link that names no profile gets, as a multiple of the size of its data
        set: the smallest profile with so much that the user may have.

        Default: 2, as a table takes more memory than its file. It must be above 0.
        """,
    )

    @validate(*_PARSERS)
    def _check_link_entries(self, proposal: Any) -> Any:
        _PARSERS[proposal.trait.name](proposal.value)
        return proposal.value

    @validate("link_memory_factor")
    def _check_factor(self, proposal: Any) -> Any:
        # Written so that a number that is none is refused, too.
        if not 0 < proposal.value < float("inf"):
            raise TraitError(f"link_memory_factor is {proposal.value!r}: it must be above 0")
        return proposal.value

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse links that could not be opened. Raises ConfigurationError."""
        super().check_at_start(app)
        spawner = cls.make_for_checks(app)
        for problem in find_link_problems(spawner, app):
            raise problem
        for gateway in spawner.gateways:
            read_keys(gateway)

    @property
    def takes_links(self) -> bool:
        """Whether this hub opens any link."""
        return bool(self.link_gateways or self.unsigned_links)

    @property
    def gateways(self) -> tuple[LinkGateway, ...]:
        """The gateways whose signed links are taken."""
        return parse_link_gateways(self.link_gateways)

    @property
    def link_rules(self) -> tuple[UnsignedLinks, ...]:
        """The links that anybody may make."""
        return parse_unsigned_links(self.unsigned_links)

    async def plan_link(self, link: Link) -> LinkPlan:
        """Return in what a link opens for the owner.

        Raises LinkRefused or ProfileNotAllowed, with a sentence for the user. The start itself
        decides again.
        """
        datasets = self.current_datasets
        check_place(link, datasets, self.current_folders)
        dataset = find_dataset(link, datasets)
        if dataset is not None:
            dataset = await self.with_size(dataset)
        return plan_link(link, self.profiles, self.user_groups, dataset, self.link_memory_factor)

    def get_env(self) -> dict[str, str]:
        """Tell the server what its link says."""
        own = {VARIABLE: make_link_text(self.link)} if self.link else {}
        return {**super().get_env(), **own}  # type: ignore[misc]

    def get_state(self) -> dict[str, Any]:
        """Remember the link, whatever page starts the server the next time."""
        state = super().get_state()
        if self.link:
            state["link"] = asdict(self.link)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)
        self.link = Link(**state["link"]) if "link" in state else None


def find_link_problems(spawner: LinkedSpawner, app: Any) -> Iterator[ConfigurationError]:
    """Yield what keeps the hub from opening links; the keys are not looked at."""
    if spawner.takes_links and not app.allow_named_servers:
        setting = GATEWAYS if spawner.link_gateways else UNSIGNED
        yield ConfigurationError(
            f"{type(spawner).__name__}.{setting} is set, and JupyterHub.allow_named_servers is "
            "False: each link has a named server. Set it to True (in the chart's values: "
            "hub.allowNamedServers), or take the links out",
            [setting],
        )


def make_link_text(link: Link) -> str:
    """Return the link as JSON for a server's environment.

    Kubernetes puts other variables, and so JupyterHub's token, in the place of ``$(NAME)``.
    """
    told = {name: value for name, value in asdict(link).items() if value}
    return json.dumps(told).replace("$", "\\u0024")

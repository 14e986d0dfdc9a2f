"""What both spawners have in common about users' data: what a server of theirs finds there."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Dict, List, Unicode, Union, default, validate

from jhub_gateway.capacity_page import make_capacity_url
from jhub_gateway.errors import StartRefused
from jhub_gateway.group_folder_spawner import GroupFolderSpawner
from jhub_gateway.models import Dataset, MemoryProfile, Tutorial, Usage
from jhub_gateway.policy.datasets import choose_datasets, parse_datasets
from jhub_gateway.policy.layout import DATA_LINK, DATASETS, HOMES
from jhub_gateway.policy.profiles import allowed_profiles
from jhub_gateway.policy.quotas import combine_limits, find_quota, is_full, parse_quotas
from jhub_gateway.policy.rescue import make_rescue_environment
from jhub_gateway.policy.tutorials import list_pulls, list_releases, parse_tutorials
from jhub_gateway.profile_form import DataView, render_profile_form
from jhub_gateway.share_reports import keep_reporting
from jhub_gateway.start_metrics import count_rescue
from jhub_gateway.storage.usage import read_usage

# A share that doesn't answer must not hold up a page of the hub's.
_USAGE_SECONDS = 2
# Threads of their own: those that wait for such a share are lost to the rest of the hub, which
# looks up host names in asyncio's.
_READERS = ThreadPoolExecutor(4, thread_name_prefix="usage")
# What was measured longer ago says nothing of today: measuring has stopped.
_USAGE_AGE = timedelta(days=7)

# What reads each setting, and raises ConfigurationError for what it can't.
_PARSERS: dict[str, Callable[[Any], object]] = {
    "datasets": parse_datasets,
    "tutorials": parse_tutorials,
    "home_quota": parse_quotas,
}


class DataSpawner(GroupFolderSpawner):
    """A spawner whose servers have a home of their own, and the gateway's shared data.

    Mix it in before a JupyterHub Spawner. :meth:`load_data` decides, at each start, what the
    server's owner gets.
    """

    _reporting: ClassVar[asyncio.Future[None] | None] = None

    mounted_datasets: tuple[Dataset, ...] = ()
    quota: int | None = None
    is_rescue = False

    datasets = List(
        Dict(),
        config=True,
        help="""
        Data that users read and nobody changes, as a list of mappings:

        - ``name``: its name at ``gateway/datasets/<name>``.
        - ``sub_path``: the directory below ``datasets/`` of the share. Default: the name.
        - ``claim``: another PersistentVolumeClaim that holds it, in the pods' namespace;
          ``sub_path`` is then below that claim's root, and nothing by default. Not on one machine.
        - ``description``: what it is, for the page on which users start their server.
        - ``size``: how large it is, e.g. ``"1.5T"``. Default: what ``jhub-gateway storage
          measure`` found, for a directory of the share.
        - ``allowed_groups``: who may read it: members of any of these groups, compared exactly.
          Default: everybody.

        Mounted read-only, always. Default: no datasets.
        """,
    )

    tutorials = List(
        Dict(),
        config=True,
        help="""
        Notebooks that each home gets once, at ``tutorials/<name>``, as a list of mappings:

        - ``name``: the directory in the home, and below ``tutorials/`` of the share. What is there
          already is never changed: give a new version a new name, e.g. ``genomics-2``. Where the
          share has none of the name it is one that comes with jhub-gateway: ``gateway-1``, how to
          use the gateway's own systems.
        - ``git``: the https address of a repository that it comes from instead, pulled at each
          start by nbgitpuller, which keeps what the user changed. The user's image needs git and
          nbgitpuller.
        - ``branch``: the repository's branch. Default: its own default.

        Default: no tutorials.
        """,
    )

    home_quota = Union(
        [Unicode(), List(Dict())],
        default_value="",
        config=True,
        help="""
        How much a home may take: a size such as ``"20G"`` (G is 1024^3 bytes) for everybody, or a
        list of mappings with ``size`` and, if not for everybody, ``groups`` (compared exactly)
        and ``profiles`` (slugs). The largest one that applies to a start holds.

        A home over it still starts, in rescue mode: its files can be removed, and nothing in it
        is run or opened by itself. Nothing stops a running server from writing more: for that set
        quotas in the file system, which are understood too. Default: no quota.
        """,
    )

    @default("options_form")
    def _default_options_form(self) -> Any:
        return type(self).render_form if self.memory_profiles else ""

    @validate(*_PARSERS)
    def _check_entries(self, proposal: Any) -> Any:
        _PARSERS[proposal.trait.name](proposal.value)
        return proposal.value

    @property
    def usage_root(self) -> Path | None:
        """Where the hub reads how much homes take, or None if it can't."""
        raise NotImplementedError

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Begin to report what the share takes, where the hub can read that."""
        super().prepare_at_start(app)
        usage_root = cls.make_for_checks(app).usage_root
        if usage_root is not None:
            # The loop holds tasks by weak references alone.
            cls._reporting = asyncio.ensure_future(keep_reporting(usage_root))

    # What the server gets

    async def load_data(self, profile: MemoryProfile | None) -> None:
        """Decide what this start mounts, and whether it is a rescue. Raises StartRefused."""
        await self.load_owner()
        slugs = {profile.slug} if profile else set()
        usage = await self._read_usage(HOMES, self.home_directory)
        self.take_folders()
        self.mounted_datasets = self.current_datasets
        self.quota, self.is_rescue = self._judge_home(usage, slugs)
        if self.is_rescue:
            count_rescue()

    @property
    def current_datasets(self) -> tuple[Dataset, ...]:
        """The datasets that the owner may read today."""
        return choose_datasets(parse_datasets(self.datasets), self.user_groups)

    @property
    def releases(self) -> list[str]:
        """The tutorials that are copied from the share; none into a home that is full."""
        return [] if self.is_rescue else list_releases(self._tutorials)

    def make_links(self, data_path: str) -> dict[str, str]:
        """Return the links that the home gets, by name; ``data_path`` as the server sees it."""
        has_data = self.mounted_folders or self.mounted_datasets
        return {DATA_LINK: data_path} if has_data and not self.is_rescue else {}

    @property
    def mounted_places(self) -> tuple[list[str], list[str]]:
        """What must be on the share: names below ``groups/``, and paths below ``datasets/``."""
        return (
            [folder.folder for folder in self.mounted_folders],
            [dataset.sub_path for dataset in self.mounted_datasets if not dataset.claim],
        )

    def make_data_environment(self, usage: str, runtime: str) -> dict[str, str]:
        """Return the variables that tell the server of its data, and where run files go.

        ``usage`` and ``runtime`` are directories as the server sees them.
        """
        environment = {"JHUB_GATEWAY_USAGE": usage, "JUPYTER_RUNTIME_DIR": f"{runtime}/jupyter"}
        if self.quota is not None:
            environment["JHUB_GATEWAY_HOME_QUOTA"] = str(self.quota)
        if pulls := list_pulls(self._tutorials):
            environment["JHUB_GATEWAY_GIT_TUTORIALS"] = json.dumps(pulls)
        return environment | (make_rescue_environment(runtime) if self.is_rescue else {})

    @property
    def _tutorials(self) -> tuple[Tutorial, ...]:
        return parse_tutorials(self.tutorials)

    def _judge_home(self, usage: Usage | None, slugs: set[str]) -> tuple[int | None, bool]:
        """Return what the home may take with these profiles, in bytes, and whether it is full."""
        quota = find_quota(parse_quotas(self.home_quota), self.user_groups, slugs)
        return combine_limits(quota, usage), is_full(usage, quota)

    async def _read_usage(self, *place: str) -> Usage | None:
        if self.usage_root is None:
            return None
        directory = self.usage_root.joinpath(*place)
        reading = asyncio.get_running_loop().run_in_executor(_READERS, read_usage, directory)
        try:
            usage = await asyncio.wait_for(reading, _USAGE_SECONDS)
        except TimeoutError:
            self.log.warning("%s did not answer in %s s", directory, _USAGE_SECONDS)
            return None
        if usage is not None and datetime.now(UTC) - usage.measured_at > _USAGE_AGE:
            self.log.warning(
                "%s was measured on %s last: does storage measure run?",
                directory,
                usage.measured_at,
            )
            return None
        return usage

    # The page

    async def render_form(self) -> str:
        """Return the page's choice of profiles, with what data the owner has."""
        data = await self._make_view()
        return render_profile_form(
            self.make_form_entries(),
            self.user_options,
            data,
            self.end_view,
            make_capacity_url(self),
            **self.make_form_views(),
        )

    async def _make_view(self) -> DataView:
        try:
            await self.load_owner()
        except StartRefused:
            return DataView()
        usage, datasets = await asyncio.gather(
            self._read_usage(HOMES, self.home_directory),
            asyncio.gather(*map(self.with_size, self.current_datasets)),
        )
        slugs = {profile.slug for profile in allowed_profiles(self.profiles, self.user_groups)}
        quota, full = self._judge_home(usage, slugs)
        return DataView(
            usage=usage,
            quota=quota,
            is_full=full,
            folders=self.current_folders,
            datasets=tuple(datasets),
        )

    async def with_size(self, dataset: Dataset) -> Dataset:
        """Return the data set with its size, where the operator said it or it was measured."""
        if dataset.size is not None or dataset.claim:
            return dataset
        usage = await self._read_usage(DATASETS, dataset.sub_path)
        return replace(dataset, size=usage.used) if usage else dataset

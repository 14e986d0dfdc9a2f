"""What a server on the hub's own machine is, whichever of the two ways starts it."""

import asyncio
import math
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Bool, Enum, Unicode, default

from jhub_gateway import notebook
from jhub_gateway.budgeted_spawner import BudgetedSpawner
from jhub_gateway.capacity_metrics import show_free_servers
from jhub_gateway.capacity_spawner import CapacitySpawner
from jhub_gateway.clients.servers import wait_for_answer
from jhub_gateway.credential_spawner import CredentialSpawner
from jhub_gateway.credentials.directory_store import (
    OWNER_ONLY,
    DirectoryStore,
    list_directory_stores,
)
from jhub_gateway.credentials.stores import FoundStore
from jhub_gateway.errors import ConfigurationError, StartRefused
from jhub_gateway.linked_spawner import LinkedSpawner
from jhub_gateway.local.machine_capacity import MachineCapacity
from jhub_gateway.local.machine_memory import read_machine_memory
from jhub_gateway.local.measuring import keep_measuring
from jhub_gateway.local.memory_limits import METHODS
from jhub_gateway.models import MemoryProfile
from jhub_gateway.policy.capacity import Capacity
from jhub_gateway.policy.datasets import parse_datasets
from jhub_gateway.policy.init_containers import STORAGE_MODULE, make_fill_request
from jhub_gateway.policy.layout import USAGE
from jhub_gateway.profile_form import read_profile_form
from jhub_gateway.refusals import make_logged_refusal
from jhub_gateway.start_times import recent_starts
from jhub_gateway.storage.folders import prepare_folders
from jhub_gateway.storage.homes import find_home, prepare_home
from jhub_gateway.storage.problems import make_refusal

CREDENTIALS = "credentials"

_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class LocalServer(BudgetedSpawner, CredentialSpawner, LinkedSpawner, CapacitySpawner):
    """Profiles, form, home and environment of a server on the hub's own machine.

    Mix it in before the class that starts the process.
    """

    # What JupyterHub's Spawner brings.
    cmd: list[str]
    log: Any
    cpu_limit: Any
    cpu_guarantee: Any
    http_timeout: int
    server: Any

    # Whether the hub makes homes, or what starts the servers.
    makes_homes = True
    # The mode of the files with credentials.
    credentials_mode = OWNER_ONLY
    _measuring: ClassVar[asyncio.Future[None] | None] = None
    _machine: ClassVar[MachineCapacity | None] = None
    _start_began: float | None = None
    _noting: asyncio.Future[None] | None = None

    data_directory = Unicode(
        "gateway-data",
        config=True,
        help="""
        The directory that holds all users' homes and what they share, in the layout of the
        share that pods mount (see the reference). Relative to the directory where the hub starts.

        It is created with mode 0700 if it is missing. Keep it over upgrades, and back it up.

        Default: ``gateway-data``; with systemd ``/var/lib/jhub-gateway``, and there it must be
        below ``/var/lib``, as systemd gives the homes to their users' accounts itself.
        """,
    )

    memory_limit_method = Enum(
        METHODS,
        "auto",
        config=True,
        help="""
        How a server's memory is limited to its profile:

        - ``systemd``: a unit per server, with an account of its own. Needs systemd as the init
          system, a hub that runs as root, and the package ``jupyterhub-systemdspawner``.
        - ``cgroup``: a control group per server: all its processes together have the profile's
          memory, and the kernel kills the largest of them when they go over it. Needs a control
          group that the hub may write. Under one account this stops accidents, not malice.
        - ``rlimit``: a resource limit (RLIMIT_DATA) on each process by itself: an allocation over
          it fails with ``MemoryError``. A server with several kernels can use more than its
          profile in all. Works everywhere and needs no root.

        Default: ``auto``, the first of these that works; the hub's log says at its start which.
        Another one than ``auto`` stops the hub where it does not work.
        """,
    )

    allow_shared_account_on_network = Bool(
        False,
        config=True,
        help="""
        Let the hub listen on other addresses than loopback although all servers run under the
        hub's own account, where every user can read every other user's files, and the hub's.
        Only for users who may all see everything. No effect with systemd, where each user has an
        account of their own.

        Default: false; the hub refuses to start on such an address.
        """,
    )

    @default("cmd")
    def _default_cmd(self) -> list[str]:
        return [str(_BIN / "jupyterhub-singleuser")]

    @default("default_url")
    def _default_default_url(self) -> str:
        return "/lab"

    @default("ip")
    def _default_ip(self) -> str:
        return "127.0.0.1"

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        # Anything else of the hub's environment may be a secret of the hub's.
        return ["PATH", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL"]

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return read_profile_form

    @property
    def root(self) -> Path:
        """The directory that stands for the share, as an absolute path."""
        return Path(self.data_directory).resolve()

    @property
    def usage_root(self) -> Path:
        """Where it is written how much each home takes."""
        return self.root / USAGE

    @property
    def home(self) -> Path:
        """The owner's home, an absolute path. All their named servers share it."""
        return find_home(self.root, self.owner)

    @property
    def data_path(self) -> Path:
        """Where the server sees the groups/ and datasets/ of its owner."""
        raise NotImplementedError

    @property
    def usage_path(self) -> Path:
        """Where the server sees how much the home takes."""
        raise NotImplementedError

    @property
    def tutorials_path(self) -> Path:
        """Where the server sees what is copied into homes."""
        raise NotImplementedError

    @property
    def credentials_root(self) -> Path:
        """The directory with one of each user's credentials. Only the hub's account enters it."""
        return self.root / CREDENTIALS

    @property
    def credentials_path(self) -> Path:
        """Where the server sees its owner's credentials: outside the home."""
        return self.make_credential_store().path

    def make_credential_store(self) -> DirectoryStore:
        """Return the directory of the owner's credentials."""
        return DirectoryStore(
            self.credentials_root, self.identity, self.user.name, self.credentials_mode
        )

    async def list_credential_stores(self) -> list[FoundStore]:
        """Return the directories of all users' credentials."""
        return list(await list_directory_stores(self.credentials_root))

    @property
    def runtime(self) -> Path:
        """Where run files of this start are: outside the home, which may be full."""
        raise NotImplementedError

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse what one machine cannot have."""
        super().check_at_start(app)
        for dataset in parse_datasets(cls.make_for_checks(app).datasets):
            if dataset.claim:
                raise ConfigurationError(
                    f"datasets: dataset {dataset.name!r}: claim: {dataset.claim!r} is Kubernetes'; "
                    "on one machine put the data into the directory "
                    f"datasets/{dataset.name} of data_directory"
                )

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Begin what goes on beside the servers."""
        super().prepare_at_start(app)
        self = cls.make_for_checks(app)
        self.start_measuring()
        cls._machine = MachineCapacity(app, self.profiles, read_machine_memory())
        show_free_servers([profile.slug for profile in self.profiles], cls._machine.find)

    def start_measuring(self) -> None:
        """Begin to measure what homes take. Called once, in the hub's event loop."""
        # The loop holds tasks by weak references alone.
        type(self)._measuring = asyncio.ensure_future(keep_measuring(self.root, self.log))

    def find_capacities(self) -> Mapping[str, Capacity]:
        """Return the capacity of each profile by the memory that servers have reserved."""
        return self._machine.find() if self._machine else {}

    def start_polling(self) -> None:
        """Note how long a start took that has just made its process, once that answers."""
        super().start_polling()
        if self._start_began is not None:
            self._noting = asyncio.ensure_future(self._note_seconds(self._start_began))
            self._start_began = None

    async def _note_seconds(self, began: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.http_timeout):
                await wait_for_answer(self.server.url)
                recent_starts.add(self.profile, time.monotonic() - began)

    async def prepare_start(self) -> None:
        """Size this start, check whose home it opens, and make what is missing of it.

        Raises tornado's HTTPError 403 with a sentence for the user.
        """
        self._start_began = time.monotonic()
        profile = self.load_profile()
        try:
            await self.load_data(profile)
            await asyncio.to_thread(self.prepare_share)
            await self.load_credentials()
            self.make_runtime()
        except StartRefused as refusal:
            raise make_logged_refusal(self, refusal) from None
        except OSError as error:
            raise make_logged_refusal(self, make_refusal(self.root, error)) from None

    def make_runtime(self) -> None:
        """Make the directory of the run files, where nobody else does."""

    def prepare_share(self) -> None:
        """Make what is missing of the owner's home and folders. Raises StartRefused."""
        prepare_home(self.root, self.owner, self.is_rescue, self.makes_homes)
        prepare_folders(self.root, *self.mounted_places)

    def make_command(self) -> list[str]:
        """Return the server's command, after one that fills the home as the user."""
        links = self.make_links(str(self.data_path))
        if not (links or self.releases):
            return self.cmd
        request = make_fill_request(self.releases, links)
        places = [str(self.home), str(self.tutorials_path)]
        fill = [sys.executable, *STORAGE_MODULE, "fill", *places, request]
        return [*fill, "--", *self.cmd]

    def load_profile(self) -> MemoryProfile | None:
        """Size this start by the profile that its owner may have; user options size nothing.

        Raises tornado's HTTPError 403 with a sentence for the user.
        """
        profile = self.choose_profile()
        if profile is not None:
            self.mem_limit = profile.memory
            self.mem_guarantee = profile.memory_guarantee
            # JupyterHub makes a spawner for each start: what is there is what the operator set.
            self.cpu_limit = profile.cpu or self.cpu_limit
            self.cpu_guarantee = profile.cpu_guarantee or self.cpu_guarantee
        return profile

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment with what belongs to the user: home, paths, number of threads."""
        home = str(self.home)
        own = {"HOME": home, "USER": self.user.name, "LOGNAME": self.user.name}
        data = self.make_data_environment(str(self.usage_path), str(self.runtime))
        data |= self.make_profile_environment()
        paths = {
            "PATH": _add_path(env.get("PATH", os.defpath), _BIN),
            "JUPYTER_PATH": _add_path(env.get("JUPYTER_PATH", ""), _NOTEBOOK / "share/jupyter"),
            "JUPYTER_CONFIG_PATH": _add_path(
                env.get("JUPYTER_CONFIG_PATH", ""), _NOTEBOOK / "etc/jupyter"
            ),
        }
        data |= self.make_credential_environment(str(self.credentials_path))
        return {**self._make_defaults(home), **env, **own, **data, **paths}

    def _make_defaults(self, home: str) -> dict[str, str]:
        defaults = {
            "SHELL": "/bin/bash",
            "JUPYTERHUB_ROOT_DIR": home,
            "JUPYTER_CONFIG_DIR": f"{home}/.jupyter",
            "JUPYTER_DATA_DIR": f"{home}/.local/share/jupyter",
        }
        if self.cpu_limit:
            defaults |= dict.fromkeys(_THREAD_COUNTS, str(math.ceil(self.cpu_limit)))
        return defaults


_BIN = Path(sys.executable).parent
# Where JupyterLab and Jupyter Server find what runs in the user's server.
_NOTEBOOK = Path(notebook.__file__).parent


def _add_path(paths: str, own: Path) -> str:
    # A hub that is started by its path has no activated environment; kernels need it all the same.
    known = paths.split(os.pathsep) if paths else []
    return paths if str(own) in known else os.pathsep.join([str(own), *known])

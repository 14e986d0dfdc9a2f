"""Servers as processes under the hub's own account. Needs no root and no accounts."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from secrets import token_hex
from shlex import quote
from shutil import rmtree
from tempfile import gettempdir
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Unicode, validate

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.data_directory import is_open_to_others, prepare_data_directory
from jhub_gateway.local.memory_limits import MemoryLimit, choose_memory_limit
from jhub_gateway.local.network import check_local_mode
from jhub_gateway.local.processes import (
    SPAWN_ID,
    find_processes,
    has_spawn_id,
    kill_all,
    wait_until,
)
from jhub_gateway.local.server import LocalServer
from jhub_gateway.local.views import VIEWS, make_view
from jhub_gateway.policy.layout import DATASETS, GROUPS, HOMES, TUTORIALS


class ProcessGatewaySpawner(LocalServer, LocalProcessSpawner):
    """Starts users' servers as processes under the account of the hub.

    Memory is limited by a control group or by resource limits. One user's server can read the
    files of all others and of the hub: for a machine whose users may see everything.
    """

    spawn_id = Unicode("", help="Names this start in the processes' environment and cgroup.")

    @property
    def memory_limit(self) -> MemoryLimit:
        """The way in which this hub limits memory."""
        scope = str(Path(self.data_directory).resolve())
        return _choose_once(self.memory_limit_method, scope)

    @property
    def data_path(self) -> Path:
        """Links to the owner's groups/ and datasets/."""
        return self.root / VIEWS / self.home_directory

    @property
    def usage_path(self) -> Path:
        """Where it is written how much the home takes."""
        return self.usage_root / HOMES / self.home_directory

    @property
    def tutorials_path(self) -> Path:
        """What is copied into homes."""
        return self.root / TUTORIALS

    @property
    def runtime(self) -> Path:
        """Run files of this start, outside the home, which may be full."""
        return Path(gettempdir(), f"jhub-gateway-{self.spawn_id}")

    @classmethod
    def check_at_start(cls, app: Any) -> None:
        """Refuse root, and a network that the shared account is not allowed on."""
        super().check_at_start(app)
        self = cls.make_for_checks(app)
        self._check_account()
        check_local_mode(app, self.ip, self.allow_shared_account_on_network)

    @classmethod
    def prepare_at_start(cls, app: Any) -> None:
        """Make the data directory, find the memory limit, and tidy up after an earlier run."""
        self = cls.make_for_checks(app)
        data = self.root
        prepare_data_directory(data)
        limit = self.memory_limit
        app.log.warning(
            "All users' servers run under the hub's own account: every user can read the files "
            "of every other user and of the hub, its cookie secret and database among them"
        )
        if is_open_to_others(data):
            app.log.warning(
                "Other accounts of this machine may use the data directory %s. Close it to them: "
                "chmod 700 %s",
                data,
                quote(str(data)),
            )
        super().prepare_at_start(app)
        app.log.info("Homes are in %s; memory is limited for %s", data, limit.description)
        for name in limit.remove_stale():
            app.log.info("Removed the control group %s, which an earlier run left", name)

    @validate("popen_kwargs")
    def _check_popen_kwargs(self, proposal: Any) -> Any:
        if "preexec_fn" in proposal.value:
            raise ConfigurationError("popen_kwargs: 'preexec_fn' would replace the memory limit")
        return proposal.value

    def make_preexec_fn(self, name: str) -> Callable[[], None]:  # noqa: ARG002
        """Return what limits the new process and enters the home, between fork and exec."""
        limit = self.memory_limit.prepare(self.spawn_id, self.mem_limit, self.cpu_limit)
        home = self.home

        def preexec() -> None:
            limit()
            os.chdir(home)

        return preexec

    def get_env(self) -> dict[str, str]:
        """Mark the server's processes, all of which inherit it."""
        return {**super().get_env(), SPAWN_ID: self.spawn_id}

    def get_state(self) -> dict[str, Any]:
        """Keep the mark too: a hub that restarts finds the processes by it."""
        state = super().get_state()
        if self.pid:
            state["spawn_id"] = self.spawn_id
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the process id back only if the process is still this server's."""
        super().load_state(state)
        self.spawn_id = state.get("spawn_id", "")
        # After a reboot the number may be anybody's process.
        if not has_spawn_id(state.get("pid", 0), self.spawn_id):
            self.pid = 0

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Leave them: the hub's own account can read them where they are."""
        return paths

    async def start(self) -> tuple[str, int]:
        """Start the server in its home, once nothing of its last start is left to share it."""
        await self._end_remains()
        self.spawn_id = token_hex(8)
        await self.prepare_start()
        # JupyterHub makes a spawner for each start, so that the command can be this one's.
        self.cmd = self.make_command()
        return await super().start()

    def make_runtime(self) -> None:
        """Make the directory of the run files, which is new for each start."""
        self.runtime.mkdir(mode=0o700)

    def prepare_share(self) -> None:
        """Make the view of the data too: without mounts it is links. Raises StartRefused."""
        super().prepare_share()
        try:
            self.make_view()
        except OSError as error:
            # The disk is full, or the user has put something else there: the data are as they were.
            self.log.warning("%s does not show all data: %s", self.data_path, error)

    def make_view(self) -> None:
        """Make the links to the owner's data. Raises OSError."""
        make_view(
            self.data_path,
            {
                f"{GROUPS}/{folder.folder}": self.root / GROUPS / folder.folder
                for folder in self.mounted_folders
            }
            | {
                f"{DATASETS}/{dataset.name}": self.root / DATASETS / dataset.sub_path
                for dataset in self.mounted_datasets
            },
        )

    async def poll(self) -> int | None:
        """End the kernels of a server that crashed, as they would keep its memory."""
        status = await super().poll()
        if status is not None:
            await self._end_remains()
        return status

    async def stop(self, now: bool = False) -> None:
        """End kernels and terminals too, which JupyterHub's own stop leaves running."""
        await super().stop(now=now)
        await self._end_remains()

    def _check_account(self) -> None:
        # Jupyter Server refuses to run as root without its flag, and the user would see a time-out.
        if os.geteuid() == 0 and "--allow-root" not in self.args:
            raise ConfigurationError(
                "The hub runs as root and so would all users' servers, which have no accounts of "
                "their own without systemd. Run the hub under another account, or allow it: "
                "c.LocalGatewaySpawner.args = ['--allow-root']"
            )

    async def _end_remains(self) -> None:
        """End what outlived the server: kernels after a crash, what a terminal left running."""
        runtime = self.runtime
        spawn_id, self.spawn_id = self.spawn_id, ""
        if not spawn_id:
            return
        rmtree(runtime, ignore_errors=True)
        left = await kill_all(lambda: self._find_processes(spawn_id), self.kill_timeout)
        if left:
            self.log.error("Processes %s of %s can't be ended", sorted(left), self._log_name)
        # A group can be in use for a moment after its last process is gone.
        await wait_until(lambda: self.memory_limit.remove(spawn_id), patience=1)

    def _find_processes(self, spawn_id: str) -> set[int]:
        return find_processes(spawn_id) | self.memory_limit.list_processes(spawn_id)


# Looked for once: the answer holds for all spawners of a hub.
_choose_once = cache(choose_memory_limit)

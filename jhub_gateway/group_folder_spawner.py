"""The folders that groups of users share: who gets which at a start, and who has lost one since."""

from dataclasses import asdict
from typing import Any

from traitlets import Bool, Dict, List, validate

from jhub_gateway.models import GroupFolder
from jhub_gateway.owned_spawner import OwnedSpawner
from jhub_gateway.policy.group_folders import (
    choose_folders,
    find_lost_folders,
    parse_group_folders,
)


class GroupFolderSpawner(OwnedSpawner):
    """A spawner whose servers have the folders of their owner's groups.

    Mix it in before a JupyterHub Spawner, and call :meth:`take_folders` at each start.
    """

    # What JupyterHub's Spawner brings.
    stop: Any

    mounted_folders: tuple[GroupFolder, ...] = ()
    _is_told_stale = False
    _is_stopping_stale = False

    group_folders = List(
        Dict(),
        config=True,
        help="""
        Folders of the share that groups of users have in common, as a list of mappings:

        - ``group``: the group, exactly as the login names it: ``/x/admin`` is not ``admin``.
        - ``folder``: the folder's name. Default: the group's name, by the rule for homes. Several
          groups may have one folder.
        - ``access``: ``"read-write"`` or ``"read-only"``, which is the default.

        They are at ``gateway/groups/<folder>`` in the home. Who gets which is decided when a
        server starts: GatewayAuthenticator asks the provider then, as long as the access token
        of the user's login holds; after that the groups of that login count. Default: no folders.
        """,
    )

    stop_on_group_removal = Bool(
        False,
        config=True,
        help="""
        Stop a running server that still has the folder of a group which its owner left, once the
        hub knows (at their next login or start) and next looks (``poll_interval``, in seconds).

        Default: false; the folder is gone at the next start, and ``jhub-gateway storage
        stale-mounts`` lists who still has it.
        """,
    )

    @validate("group_folders")
    def _check_group_folders(self, proposal: Any) -> Any:
        parse_group_folders(proposal.value)
        return proposal.value

    @property
    def current_folders(self) -> tuple[GroupFolder, ...]:
        """The shared folders that the owner's groups give today."""
        return choose_folders(parse_group_folders(self.group_folders), self.user_groups)

    def take_folders(self) -> None:
        """Give this start the folders of today."""
        self.mounted_folders = self.current_folders
        self._is_told_stale = False

    def get_state(self) -> dict[str, Any]:
        """Remember the folders, for a hub that restarts and for ``storage stale-mounts``."""
        state = super().get_state()
        if self.mounted_folders:
            state["group_folders"] = [
                asdict(folder) | {"groups": self._list_givers(folder)}
                for folder in self.mounted_folders
            ]
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)
        self.mounted_folders = tuple(
            GroupFolder(folder["group"], folder["folder"], folder["read_only"])
            for folder in state.get("group_folders", ())
        )

    def clear_state(self) -> None:
        """Forget the folders of a server that has stopped."""
        super().clear_state()  # type: ignore[misc]
        self.mounted_folders = ()

    def _list_givers(self, mounted: GroupFolder) -> list[str]:
        """Return all groups whose members get the folder with this access or more."""
        return sorted(
            folder.group
            for folder in parse_group_folders(self.group_folders)
            if folder.folder == mounted.folder and (mounted.read_only or not folder.read_only)
        )

    async def poll(self) -> int | None:
        """Say whether the server runs; one with a folder that its owner lost may be stopped."""
        status = await super().poll()  # type: ignore[misc]
        if status is None and await self._stop_if_stale():
            return 0
        return status

    async def _stop_if_stale(self) -> bool:
        lost = find_lost_folders(self.mounted_folders, self.current_folders)
        if not lost or self._is_stopping_stale:
            return False
        if not self._is_told_stale:
            self._tell_stale(lost)
        if self.stop_on_group_removal:
            await self._stop_stale()
        return self.stop_on_group_removal

    async def _stop_stale(self) -> None:
        # JupyterHub's own stop asks by poll() whether the server has ended.
        self._is_stopping_stale = True
        try:
            await self.stop()
        finally:
            self._is_stopping_stale = False

    def _tell_stale(self, lost: tuple[GroupFolder, ...]) -> None:
        self._is_told_stale = True
        names = ", ".join(f"{folder.folder} (group {folder.group})" for folder in lost)
        action = "it is stopped" if self.stop_on_group_removal else "it keeps them until it stops"
        self.log.warning(
            "The server of %s has folders that its owner lost: %s; %s",
            self._log_name,
            names,
            action,
        )

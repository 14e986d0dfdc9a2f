"""A spawner whose servers are nothing but a flag, to see what is decided around them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jupyterhub.spawner import Spawner

from jhub_gateway.data_spawner import DataSpawner
from tests.unit.local.servers import make_user


class FlagSpawner(Spawner):
    """Runs nothing."""

    is_running = True
    stops = 0

    async def start(self) -> None:
        self.is_running = True

    async def poll(self) -> int | None:
        return None if self.is_running else 1

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002
        self.stops += 1
        self.is_running = False


class DataServer(DataSpawner, FlagSpawner):
    """``usage`` is the directory that stands for usage/ of the share."""

    usage: Path | None = None

    @property
    def usage_root(self) -> Path | None:
        return self.usage


def make_server(
    *groups: str,
    name: str = "ada",
    auth_state: dict[str, Any] | None = None,
    gives_subject: bool = False,
    usage: Path | None = None,
    **traits: Any,
) -> Any:
    """Return the spawner of a user who is in these groups."""
    server = DataServer(
        user=make_user(name, *groups, auth_state=auth_state),
        authenticator=SimpleNamespace(gives_subject=gives_subject),
        hub=SimpleNamespace(base_url="/hub/"),
        orm_spawner=SimpleNamespace(name="", server=None, user_options={}),
        **traits,
    )
    server.usage = usage
    return server


def set_groups(server: Any, *groups: str) -> None:
    """Let the server's owner be in these groups from now on."""
    server.user.groups = [SimpleNamespace(name=group) for group in groups]

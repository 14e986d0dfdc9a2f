"""A spawner on one machine without a hub around it, that starts any command."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jupyterhub.user import UserDict
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

from jhub_gateway.local.cgroup_tree import CgroupTree, find_cgroup_tree
from jhub_gateway.local.data_directory import prepare_data_directory
from jhub_gateway.local.process_spawner import ProcessGatewaySpawner
from jhub_gateway.models import Owner
from tests.fixtures.tiers import cannot_run

SMALL = {"slug": "small", "display_name": "Small", "memory": "256M", "cpu": 1.5}
LARGE = {
    "slug": "large",
    "display_name": "Large",
    "memory": "1G",
    "allowed_groups": ["large-users"],
}


def make_spawner(data: Path, name: str = "ada", code: str = "", **traits: Any) -> Any:
    """Return a spawner whose server is ``python -c code``."""
    prepare_data_directory(data)
    user = make_user(name)
    hub = SimpleNamespace(
        public_host="", api_url="http://127.0.0.1:8081/hub/api", base_url="/hub/", url="/hub/"
    )
    spawner = ProcessGatewaySpawner(
        user=user,
        hub=hub,
        orm_spawner=SimpleNamespace(name="", server=None, user_options={}),
        data_directory=str(data),
        memory_profiles=[SMALL, LARGE],
        cmd=[sys.executable, "-c", code],
        **{"memory_limit_method": "rlimit", "interrupt_timeout": 2, "api_token": "t", **traits},
    )
    spawner._owner = Owner(name)
    return spawner


def give_database(app: Any) -> None:
    """Give a hub that is not started what one that starts has before it prepares its spawner."""
    app.db = sessionmaker(create_engine("sqlite://", poolclass=StaticPool))()
    app.users = UserDict(lambda: app.db, {})


def make_user(name: str, *groups: str, auth_state: dict[str, str] | None = None) -> Any:
    """Return a user of the hub's."""

    async def get_auth_state() -> dict[str, str] | None:
        return auth_state

    return SimpleNamespace(
        name=name,
        escaped_name=name,
        id=1,
        url=f"/user/{name}/",
        groups=[SimpleNamespace(name=group) for group in groups],
        spawners={},
        get_auth_state=get_auth_state,
    )


def require_cgroup() -> CgroupTree:
    """Return where groups can be written; without one the test fails in CI, and else says so."""
    tree = find_cgroup_tree()
    if tree is None:
        cannot_run("no control group with the memory controller can be written here")
    return tree

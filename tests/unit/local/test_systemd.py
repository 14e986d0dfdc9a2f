"""Servers as systemd units: names, accounts and homes. Units themselves need systemd as init."""

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub.app import JupyterHub
from systemdspawner import systemd

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local import systemd_spawner
from jhub_gateway.local.data_directory import prepare_data_directory
from jhub_gateway.local.systemd_spawner import (
    SystemdGatewaySpawner,
    check_below_state,
    make_unit_name,
)
from jhub_gateway.models import Owner
from tests.unit.local.servers import SMALL, give_database, make_user

NAMES = st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable())


def make_spawner(name: str = "Ada@example.org", **traits: Any) -> SystemdGatewaySpawner:
    user = make_user(name)
    hub = SimpleNamespace(public_host="", api_url="http://127.0.0.1:8081/hub/api", base_url="/hub/")
    spawner = SystemdGatewaySpawner(
        user=user, hub=hub, api_token="t", memory_profiles=[SMALL], **traits
    )
    spawner._owner = Owner(name)
    return spawner


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /var/lib, with the share's layout."""
    monkeypatch.setattr(systemd_spawner, "_STATE", tmp_path)
    prepare_data_directory(tmp_path / "jhub-gateway")
    return tmp_path


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What systemd-run would be asked for."""
    asked: dict[str, Any] = {}

    async def start(name: str, **arguments: Any) -> int:
        asked.update(arguments, name=name)
        return 0

    async def is_running(name: str) -> bool:
        return asked.get("name") == name

    async def has_failed(name: str) -> bool:
        return False

    monkeypatch.setattr(systemd, "start_transient_service", start)
    monkeypatch.setattr(systemd, "service_running", is_running)
    monkeypatch.setattr(systemd, "service_failed", has_failed)
    return asked


@pytest.fixture
def systemd_run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of systemd-run, as SystemdSpawner makes them; nothing is run or written."""
    asked: list[str] = []

    async def run(*arguments: str, **_: object) -> SimpleNamespace:
        if arguments[0] == "systemd-run":
            asked.extend(arguments)
        is_success = arguments[:2] != ("systemctl", "is-failed") and bool(asked)

        async def wait() -> int:
            return 0 if is_success else 1

        return SimpleNamespace(wait=wait)

    monkeypatch.setattr("asyncio.create_subprocess_exec", run)
    monkeypatch.setattr(
        systemd,
        "make_environment_file",
        lambda directory, name, _: f"{directory}/{name}.env",
    )
    return asked


@given(st.lists(st.tuples(NAMES, st.just("") | NAMES), min_size=2, max_size=4, unique=True))
def test_no_two_servers_share_a_unit(servers: list[tuple[str, str]]) -> None:
    names = {make_unit_name(*server) for server in servers}
    assert len(names) == len(servers)
    assert all(len(name) <= 50 for name in names)
    assert set("".join(names)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_units_name_tells_whose_it_is_and_has_no_suffix_of_systemds() -> None:
    assert make_unit_name("ada.mount", "").startswith("jhub-gateway-ada.mount-")
    assert make_unit_name("ada", "a") != make_unit_name("ada", "")


async def test_a_named_server_has_a_unit_and_a_runtime_directory_without_colon(
    systemd_run: list[str],
) -> None:
    spawner = make_spawner(orm_spawner=SimpleNamespace(name="second", server=None))
    await spawner.start()
    options = dict(pairwise(systemd_run))
    properties = dict(
        option.removeprefix("--property=").split("=", 1)
        for option in systemd_run
        if option.startswith("--property=")
    )
    assert options["--unit"] == make_unit_name("Ada@example.org", "second")
    assert properties["RuntimeDirectory"] == options["--unit"]
    assert ":" not in options["--unit"]
    assert properties["EnvironmentFile"].startswith(f"/run/{options['--unit']}/")


async def test_the_unit_has_the_profiles_memory_and_an_account_of_its_own(
    unit: dict, state: Path
) -> None:
    spawner = make_spawner()
    spawner.user_options = {"profile": "small", "mem_limit": "100G"}
    assert await spawner.start() == ("127.0.0.1", spawner.port)
    home = f"{state}/jhub-gateway/homes/_41da_40example.org"
    asked = unit["properties"]
    expected = {
        "DynamicUser": "yes",
        "StateDirectory": "jhub-gateway/homes/_41da_40example.org",
        "StateDirectoryMode": "0700",
        "WorkingDirectory": home,
        "MemoryMax": 256 * 1024**2,
        "MemorySwapMax": "0",
        "CPUQuota": "150%",
        "NoNewPrivileges": "yes",
    }
    assert {key: asked[key] for key in expected} == expected
    assert asked["User"].startswith("jg-")
    assert unit["cmd"][:2] == ["/usr/bin/env", f"HOME={home}"]
    assert unit["environment_variables"]["JUPYTERHUB_ROOT_DIR"] == home
    assert unit["uid"] is None


async def test_the_operators_properties_win(unit: dict) -> None:
    await make_spawner(unit_extra_properties={"Nice": "5", "MemorySwapMax": "1G"}).start()
    assert unit["properties"]["Nice"] == "5"
    assert unit["properties"]["MemorySwapMax"] == "1G"
    assert unit["properties"]["StateDirectoryMode"] == "0700"


async def test_the_unit_mounts_what_its_owner_may_see_and_reads_most_of_it(
    unit: dict, state: Path
) -> None:
    spawner = make_spawner(
        "ada",
        group_folders=[
            {"group": "/x/genes", "folder": "genes", "access": "read-write"},
            {"group": "/x/stars", "folder": "stars"},
            {"group": "/x/closed", "folder": "closed"},
        ],
        datasets=[{"name": "survey"}],
        tutorials=[{"name": "first-1"}],
    )
    spawner.user.groups = [SimpleNamespace(name=name) for name in ("/x/genes", "/x/stars")]
    (state / "jhub-gateway/datasets/survey").mkdir()
    await spawner.start()
    data = state / "jhub-gateway"
    assert unit["properties"]["BindPaths"] == f"{data}/groups/genes:/run/gateway/groups/genes"
    assert set(unit["properties"]["BindReadOnlyPaths"].split()) == {
        f"{data}/usage/homes/ada:/run/gateway/usage",
        f"{data}/tutorials:/run/gateway/tutorials",
        f"{data}/groups/stars:/run/gateway/groups/stars",
        f"{data}/datasets/survey:/run/gateway/datasets/survey",
    }
    assert unit["properties"]["TemporaryFileSystem"] == "/run/gateway:ro"
    command = unit["cmd"]
    request = json.loads(command[command.index("fill") + 3])
    assert request == {"tutorials": ["first-1"], "links": {"gateway": "/run/gateway"}}
    assert (data / "groups/genes").stat().st_mode & 0o7777 == 0o2777
    assert (data / "groups").stat().st_mode & 0o7 == 0


def test_all_servers_of_a_user_have_one_account_that_nobody_else_has() -> None:
    accounts = {make_spawner(name).make_properties()["User"] for name in ("ada", "Ada", "ada")}
    assert len(accounts) == 2
    assert all(len(account) <= 31 for account in accounts)  # systemd's longest user name


@pytest.mark.parametrize("path", ["gateway-data", "/srv/data", "/var/lib", "/var/lib/../../srv"])
def test_homes_are_where_systemd_can_give_them_away(path: str) -> None:
    with pytest.raises(ConfigurationError, match="must be below /var/lib"):
        check_below_state(path)


async def test_the_hub_checks_its_settings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ledger", "_counting"):
        monkeypatch.setattr(SystemdGatewaySpawner, name, None)
    app = JupyterHub(bind_url="http://0.0.0.0:8000")
    give_database(app)
    app.log.propagate = True
    SystemdGatewaySpawner.prepare_at_start(app)
    assert "an account of their own" in caplog.text
    app.config.SystemdGatewaySpawner.memory_limit_method = "rlimit"
    with pytest.raises(ConfigurationError, match="ProcessGatewaySpawner"):
        SystemdGatewaySpawner.check_at_start(app)


def test_the_home_is_below_the_data_directory() -> None:
    spawner = make_spawner("ada", data_directory="/var/lib/gateway")
    assert spawner.home == Path("/var/lib/gateway/homes/ada")

"""Profile, form and environment of a server on one machine."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.web import HTTPError

from jhub_gateway.local import is_systemd_usable
from tests.unit.local.servers import make_spawner

_MEGABYTE = 1024**2
SECRETS = ("JUPYTERHUB_CRYPT_KEY", "CONFIGPROXY_AUTH_TOKEN", "OAUTH_CLIENT_SECRET", "PYTHONPATH")


@pytest.fixture
def spawner(tmp_path: Path):
    return make_spawner(tmp_path)


def test_the_memory_is_the_profiles_whatever_the_options_say(spawner) -> None:
    spawner.user_options = {"profile": "small", "mem_limit": "100G", "memory": "100G"}
    spawner.load_profile()
    assert spawner.mem_limit == 256 * _MEGABYTE
    assert spawner.cpu_limit == 1.5


def test_a_profile_of_others_is_refused(spawner) -> None:
    spawner.user_options = {"profile": "large"}
    with pytest.raises(HTTPError) as refusal:
        spawner.load_profile()
    assert refusal.value.status_code == 403


@pytest.mark.parametrize(("slug", "cpu"), [("small", 1.5), ("large", 4)])
def test_the_hubs_own_cpu_holds_for_a_profile_without(tmp_path: Path, slug: str, cpu: float):
    spawner = make_spawner(tmp_path, cpu_limit=4)
    spawner.user.groups = [SimpleNamespace(name="large-users")]
    spawner.user_options = {"profile": slug}
    spawner.load_profile()
    assert spawner.cpu_limit == cpu


def test_the_hubs_own_limits_hold_without_profiles(tmp_path: Path) -> None:
    spawner = make_spawner(tmp_path, mem_limit="2G")
    spawner.memory_profiles = []
    spawner.load_profile()
    assert spawner.mem_limit == 2048 * _MEGABYTE
    assert spawner.options_form == ""


async def test_the_form_offers_what_the_user_may_have(spawner) -> None:
    form = await spawner.get_options_form()
    assert 'value="small"' in form
    assert "large" not in form


@pytest.mark.parametrize("remembered", ["large", "gone", ["small"], None])
async def test_the_form_has_one_choice_though_the_last_is_not_the_users_any_more(
    spawner, remembered: object
) -> None:
    spawner.user_options = {"profile": remembered}
    assert (await spawner.get_options_form()).count(" checked") == 1


async def test_the_form_remembers_the_last_choice(spawner) -> None:
    spawner.user.groups = [SimpleNamespace(name="large-users")]
    spawner.user_options = {"profile": "large"}
    form = await spawner.get_options_form()
    assert 'value="large" checked>' in form
    assert form.count(" checked") == 1


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({"profile": ["small"], "mem_limit": ["100G"]}, {"profile": "small"}),
        ({}, {}),
        ({"profile": []}, {}),
    ],
)
def test_the_form_gives_a_slug_alone(spawner, form: dict, options: dict) -> None:
    assert spawner.options_from_form(form) == options


def test_nothing_of_the_hubs_environment_leaks(spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "sesame")
    env = spawner.get_env()
    assert not set(SECRETS) & set(env)
    assert "sesame" not in env.values()
    assert env["JUPYTERHUB_API_TOKEN"] == "t"


def test_paths_point_into_the_home(spawner, tmp_path: Path) -> None:
    env, home = spawner.get_env(), str(tmp_path / "homes/ada")
    assert env["HOME"] == env["JUPYTERHUB_ROOT_DIR"] == home
    for kind in ("CONFIG", "DATA"):
        assert env[f"JUPYTER_{kind}_DIR"].startswith(home + "/")
    # A full home must not keep the server from starting.
    assert not env["JUPYTER_RUNTIME_DIR"].startswith(str(tmp_path))


def test_limits_and_thread_counts_are_told(spawner) -> None:
    spawner.load_profile()
    env = spawner.get_env()
    assert env["MEM_LIMIT"] == env["MEM_GUARANTEE"] == str(256 * _MEGABYTE)
    assert env["CPU_LIMIT"] == "1.5"
    assert env["OMP_NUM_THREADS"] == env["OPENBLAS_NUM_THREADS"] == "2"


def test_the_operators_environment_wins_except_for_the_home(spawner) -> None:
    spawner.load_profile()
    spawner.environment = {"OMP_NUM_THREADS": "7", "HOME": "/elsewhere"}
    env = spawner.get_env()
    assert env["OMP_NUM_THREADS"] == "7"
    assert env["HOME"] == str(spawner.home)


def test_the_hubs_python_comes_first_where_it_is_not_activated(
    spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert spawner.get_env()["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_the_server_is_that_of_the_hubs_own_environment(spawner) -> None:
    fresh = type(spawner)(user=spawner.user)
    assert fresh.cmd == [str(Path(sys.executable).parent / "jupyterhub-singleuser")]
    assert fresh.default_url == "/lab"
    assert fresh.ip == "127.0.0.1"


def test_systemd_is_used_only_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert is_systemd_usable(tmp_path)
    assert not is_systemd_usable(tmp_path / "missing")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert not is_systemd_usable(tmp_path)

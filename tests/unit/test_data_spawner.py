"""What a start mounts, and what the page says of it."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from traitlets import TraitError

from jhub_gateway import data_spawner
from jhub_gateway.errors import ConfigurationError, StartRefused
from jhub_gateway.policy.profiles import parse_profiles
from tests.unit.data_servers import make_server

GIB = 1024**3
PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1G"},
    {"slug": "large", "display_name": "Large", "memory": "8G", "allowed_groups": ["/x"]},
]
QUOTA = [{"size": "1G"}, {"size": "5G", "profiles": ["large"]}]
TUTORIALS = [{"name": "genes-1"}, {"name": "maps", "git": "https://host.example/maps.git"}]
SMALL, LARGE = parse_profiles(PROFILES)


def write_usage(
    root: Path, place: str, used: int, limit: int | None = None, days: float = 0
) -> Path:
    directory = root / place
    directory.mkdir(parents=True)
    measured_at = datetime.now(UTC) - timedelta(days=days)
    record = {"used": used, "measured_at": measured_at.isoformat(), "limit": limit}
    (directory / "usage.json").write_text(json.dumps(record))
    return root


@pytest.mark.parametrize(
    ("used", "limit", "profile", "quota", "is_rescue"),
    [
        (GIB, None, SMALL, GIB, False),
        (GIB + 1, None, SMALL, GIB, True),
        (GIB + 1, None, None, GIB, True),
        (2 * GIB, None, LARGE, 5 * GIB, False),
        (2 * GIB, 2 * GIB, LARGE, 2 * GIB, True),
        (GIB, 100 * GIB, LARGE, 5 * GIB, False),
    ],
)
async def test_a_start_over_its_quota_is_a_rescue(
    tmp_path: Path, used, limit, profile, quota, is_rescue
):
    usage = write_usage(tmp_path, "homes/ada", used, limit)
    server = make_server(usage=usage, home_quota=QUOTA)
    await server.load_data(profile)
    assert (server.quota, server.is_rescue) == (quota, is_rescue)


@pytest.mark.parametrize("text", [None, "", "{}", '{"used": -1}', "[" * 10**5])
async def test_a_home_of_which_nothing_is_known_starts(tmp_path: Path, text):
    if text is not None:
        (tmp_path / "homes/ada").mkdir(parents=True)
        (tmp_path / "homes/ada/usage.json").write_text(text)
    server = make_server(usage=tmp_path, home_quota="1G")
    await server.load_data(None)
    assert not server.is_rescue
    assert server.quota == GIB


@pytest.mark.parametrize(("days", "is_rescue"), [(6.9, True), (7.1, False)])
async def test_what_was_measured_long_ago_rescues_nobody(tmp_path: Path, days, is_rescue):
    """Measuring has stopped, and nobody could get out of the rescue."""
    usage = write_usage(tmp_path, "homes/ada", 2 * GIB, days=days)
    server = make_server(usage=usage, home_quota="1G")
    await server.load_data(None)
    assert server.is_rescue == is_rescue


async def test_a_hub_that_cannot_see_usage_rescues_nobody():
    server = make_server(home_quota="1G")
    await server.load_data(None)
    assert not server.is_rescue


async def test_a_rescue_puts_nothing_into_the_home_and_runs_nothing_of_it(tmp_path: Path):
    usage = write_usage(tmp_path, "homes/ada", 2 * GIB)
    data = {"tutorials": TUTORIALS, "datasets": [{"name": "sky"}]}
    starts = {}
    for quota in ("1G", "9G"):
        server = make_server(usage=usage, home_quota=quota, **data)
        await server.load_data(None)
        starts[quota] = server
    full, free = starts["1G"], starts["9G"]
    assert (full.releases, full.make_links("/gateway")) == ([], {})
    assert full.mounted_places == ([], ["sky"])
    assert (free.releases, free.make_links("/gateway")) == (["genes-1"], {"gateway": "/gateway"})
    assert "JHUB_GATEWAY_RESCUE" in full.make_data_environment("/usage", "/run/x")
    assert "JHUB_GATEWAY_RESCUE" not in free.make_data_environment("/usage", "/run/x")


async def test_a_start_gets_the_data_of_its_owners_groups(tmp_path: Path):
    datasets = [
        {"name": "sky", "sub_path": "2024/sky", "allowed_groups": ["/x"]},
        {"name": "maps", "claim": "maps-data"},
        {"name": "secret", "allowed_groups": ["x"]},
    ]
    folders = [{"group": "/x"}, {"group": "x", "folder": "other"}]
    server = make_server("/x", datasets=datasets, group_folders=folders)
    await server.load_data(None)
    assert [dataset.name for dataset in server.mounted_datasets] == ["sky", "maps"]
    # A dataset of another claim is no place on the share.
    assert server.mounted_places == (["_2fx"], ["2024/sky"])


async def test_without_data_there_is_no_link_and_no_setting():
    server = make_server()
    await server.load_data(None)
    assert server.make_links("/gateway") == {}
    assert server.make_data_environment("/usage", "/run/x") == {
        "JHUB_GATEWAY_USAGE": "/usage",
        "JUPYTER_RUNTIME_DIR": "/run/x/jupyter",
    }


async def test_the_server_is_told_its_quota_and_what_to_pull():
    server = make_server(home_quota="1G", tutorials=TUTORIALS)
    await server.load_data(None)
    environment = server.make_data_environment("/usage", "/run/x")
    assert environment["JHUB_GATEWAY_HOME_QUOTA"] == str(GIB)
    (pull,) = json.loads(environment["JHUB_GATEWAY_GIT_TUTORIALS"])
    assert pull["directory"] == "tutorials/maps"


async def test_a_start_without_an_owner_takes_nothing():
    server = make_server("/x", gives_subject=True, group_folders=[{"group": "/x"}])
    with pytest.raises(StartRefused):
        await server.load_data(None)
    assert server.mounted_folders == ()


@pytest.mark.parametrize(
    ("trait", "value", "said"),
    [
        ("datasets", [{"name": "a", "sub_path": "../homes"}], "'..'"),
        ("tutorials", [{"name": "a/b"}], "'a/b'"),
        ("home_quota", "20 gigs", "'20 gigs'"),
        ("home_quota", [{"sise": "1G"}], "'sise'"),
    ],
)
def test_a_wrong_setting_is_refused_as_it_is_set(trait, value, said):
    with pytest.raises((ConfigurationError, TraitError), match=said):
        make_server(**{trait: value})


# The page


def make_page_server(usage: Path, *groups: str, datasets: int = 1):
    return make_server(
        *groups,
        usage=usage,
        memory_profiles=PROFILES,
        home_quota=QUOTA,
        group_folders=[{"group": "/x", "folder": "genes"}],
        datasets=[{"name": f"sky-{place}"} for place in range(datasets)],
    )


async def test_the_page_shows_what_the_owner_has(tmp_path: Path):
    write_usage(tmp_path, "homes/ada", GIB // 2)
    write_usage(tmp_path, "datasets/sky-0", 3 * GIB)
    page = await make_page_server(tmp_path, "/x").get_options_form()
    for text in ("512 MB", "of 5 GB", "gateway/groups/genes", "gateway/datasets/sky-0", "3 GB"):
        assert text in page
    other = await make_page_server(tmp_path).get_options_form()
    assert "of 1 GB" in other
    assert "genes" not in other


async def test_the_page_comes_for_somebody_whose_login_says_nothing(tmp_path: Path):
    server = make_server("/x", gives_subject=True, memory_profiles=PROFILES, datasets=[])
    page = await server.get_options_form()
    assert 'value="large"' in page
    assert "Your data" not in page


@pytest.fixture
async def dead_share(tmp_path: Path, monkeypatch):
    """A share that doesn't answer: to read a named pipe is to wait for who writes it."""
    monkeypatch.setattr(data_spawner, "_USAGE_SECONDS", 0.2)
    pipes = [
        tmp_path / place / "usage.json"
        for place in ("homes/ada", *(f"datasets/sky-{number}" for number in range(5)))
    ]
    for pipe in pipes:
        pipe.parent.mkdir(parents=True)
        os.mkfifo(pipe)
    yield tmp_path
    for pipe in pipes:
        writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        pipe.unlink()
        os.close(writer)


async def test_the_page_comes_though_the_share_does_not_answer(dead_share: Path):
    server = make_page_server(dead_share, "/x", datasets=5)
    begin = time.monotonic()
    page = await server.get_options_form()
    assert time.monotonic() - begin < 0.9
    assert 'value="small"' in page
    assert "gateway/datasets/sky-4" in page


async def test_a_start_comes_though_the_share_does_not_answer(dead_share: Path):
    server = make_page_server(dead_share, "/x")
    await asyncio.wait_for(server.load_data(SMALL), 1)
    assert (server.is_rescue, server.quota) == (False, GIB)


async def test_a_share_that_does_not_answer_takes_no_threads_from_the_rest_of_the_hub(
    dead_share: Path,
):
    """The hub looks up host names in the same threads."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    for _ in range(2):
        await make_page_server(dead_share).get_options_form()
    await asyncio.wait_for(asyncio.to_thread(int), 1)

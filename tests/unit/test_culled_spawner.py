"""A server's run: its key, what its user was told and given, and what outlives the hub."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jhub_gateway import culled_spawner
from jhub_gateway.cull_metrics import CullerReports
from jhub_gateway.culled_spawner import KEY_VARIABLE
from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.process_spawner import ProcessGatewaySpawner
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_keeping import Keeping
from jhub_gateway.policy.cull_messages import CullPass
from jhub_gateway.policy.cull_words import make_cull_reason
from jhub_gateway.profiled_spawner import check_spawner
from tests.unit.local.servers import SMALL, make_spawner

REASON = make_cull_reason(CullPolicy(), "idle", "idle for 10801 s")
WAITING = "import time; time.sleep(600)"


@pytest.fixture
async def started(tmp_path):
    """A spawner whose server runs."""
    spawner = make_spawner(tmp_path / "data", code=WAITING)
    await spawner.start()
    spawner.orm_spawner.server = orm.Server(
        proto="http", ip="127.0.0.1", port=1, base_url="/", cookie_name=""
    )
    yield spawner
    await spawner.stop(now=True)


def reload(spawner, tmp_path):
    """Return the spawner that another hub makes of what the database has."""
    after = make_spawner(tmp_path / "data", code=WAITING)
    after.load_state(json.loads(json.dumps(spawner.get_state())))
    return after


async def test_each_start_is_a_run_of_its_own(tmp_path) -> None:
    spawner, seen = make_spawner(tmp_path, code="pass"), set()
    for _ in range(3):
        await spawner.start()
        seen |= {spawner.run.run_id, spawner.run.use_key}
        assert spawner.get_env()[KEY_VARIABLE] == spawner.run.use_key
        await spawner.stop(now=True)
    assert len(seen) == 6


@pytest.fixture
def culler(monkeypatch):
    """Lets a culler have looked at all servers just now."""
    reports = CullerReports()
    monkeypatch.setattr(culled_spawner, "REPORTS", reports)
    reports.note(CullPass(seconds=1, servers=0, unknown=0))
    return reports


def read_stops(spawner) -> list[str | None]:
    return [entry.get("stops") for entry in spawner.make_form_entries()]


def test_users_are_told_before_a_start_when_its_server_stops(tmp_path, culler) -> None:
    impatient = {**SMALL, "slug": "gpu", "cull": {"idle_after": 1800, "warn_before": 600}}
    spawner = make_spawner(tmp_path, cull={"max_age": 86400 * 7})
    spawner.memory_profiles = [SMALL, impatient]
    assert read_stops(spawner) == [
        "Stops after 3 hours without use or 7 days in any case",
        "Stops after 30 minutes without use or 7 days in any case",
    ]
    spawner.cull = {"idle_after": None}
    assert read_stops(spawner) == ["", "Stops after 30 minutes without use"]
    spawner.cull = {"exempt_groups": ["staff"]}
    spawner.user.groups = [SimpleNamespace(name="staff")]
    assert read_stops(spawner) == ["", ""]


def test_nothing_is_said_of_stops_where_nobody_stops_servers(tmp_path, monkeypatch, culler) -> None:
    spawner = make_spawner(tmp_path)
    monkeypatch.setattr(culled_spawner, "REPORTS", CullerReports())
    assert read_stops(spawner) == [None]
    monkeypatch.setattr(culled_spawner, "REPORTS", culler)
    assert read_stops(spawner) == ["Stops after 3 hours without use"]
    culler._last.at -= 601
    assert read_stops(spawner) == [None]


def test_the_key_is_in_no_text_of_a_run(tmp_path) -> None:
    spawner = make_spawner(tmp_path)
    spawner.load_state({"run": {"run_id": "1" * 16, "use_key": "secret"}})
    assert "secret" not in repr(spawner.run)


async def test_a_hub_that_restarts_knows_the_run_and_what_was_given(started, tmp_path) -> None:
    started.warn(60, "idle")
    started.keep(Keeping(seconds=7260, granted=7200, more=3600))
    after = reload(started, tmp_path)
    assert after.run == started.run
    assert after.profile == "small"
    assert after.run.granted == 7200
    assert 7250 < after.kept_for <= 7260
    assert after.warned_for is None


def test_a_later_versions_state_is_read_as_far_as_it_is_known(tmp_path) -> None:
    spawner = make_spawner(tmp_path)
    spawner.load_state({"run": {"run_id": "1" * 16, "mood": "fine"}})
    assert spawner.run.run_id == "1" * 16
    spawner.load_state({})
    assert (spawner.run.run_id, spawner.get_env().get(KEY_VARIABLE)) == ("", None)


async def test_the_run_is_forgotten_with_its_server_and_the_end_is_not(started, tmp_path) -> None:
    started.begin_cull(REASON)
    after = reload(started, tmp_path)
    # As JupyterHub does at the end of each stop.
    after.clear_state()
    state = after.get_state()
    assert "run" not in state
    assert state["last_end"]["code"] == "culled-idle"
    assert state["last_end"]["profile"] == "small"


async def test_the_next_start_forgets_how_the_one_before_ended(tmp_path) -> None:
    spawner = make_spawner(tmp_path, code=WAITING)
    spawner.last_end = {"code": "culled-idle", "sentence": "", "at": "", "profile": ""}
    await spawner.start()
    assert "last_end" not in spawner.get_state()
    await spawner.stop(now=True)


async def test_a_warning_keeps_its_beginning_and_takes_a_new_end(started) -> None:
    assert (started.warned_for, started.seconds_left) == (None, 0)
    started.warn(60, "idle")
    began = started.notice.since
    await asyncio.sleep(0.01)
    started.warn(20, "age")
    assert started.notice.since == began
    assert started.notice.cause == "age"
    assert 19 < started.seconds_left <= 20
    started.warn(0, "age")
    assert started.seconds_left == 0


async def test_a_stop_that_failed_leaves_no_reason_behind(started) -> None:
    started.begin_cull(REASON)
    assert started.is_culling
    assert started.orm_spawner.state["last_end"]["code"] == "culled-idle"
    assert started.end_cull() is False  # It is still ready.
    assert not started.is_culling
    assert "last_end" not in started.orm_spawner.state


async def test_a_server_that_runs_on_after_a_killed_hub_has_not_ended(started, tmp_path) -> None:
    started.begin_cull(REASON)
    after = reload(started, tmp_path)
    # While the hub starts it can't tell yet.
    after._check_pending = True
    assert await after.poll() is None
    assert after.last_end is not None
    after._check_pending = False
    assert await after.poll() is None
    assert after.last_end is None


async def test_a_server_that_ended_while_the_hub_was_away_was_stopped(tmp_path) -> None:
    spawner = make_spawner(tmp_path / "data", code=WAITING)
    await spawner.start()
    spawner.begin_cull(REASON)
    state = json.loads(json.dumps(spawner.get_state()))
    await spawner.stop(now=True)
    after = make_spawner(tmp_path / "data")
    after.load_state(state)
    assert await after.poll() is not None
    after.clear_state()
    assert after.get_state()["last_end"]["code"] == "culled-idle"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"cull": {"idle_for": 60}}, "cull: unknown key 'idle_for'"),
        ({"cull": {"idle_after": "3h"}}, "cull: idle_after: '3h' must be a number of seconds"),
        (
            {"memory_profiles": [{**SMALL, "cull": {"idle_after": -1}}]},
            "memory_profiles: profile 'small': cull: idle_after: -1 must be",
        ),
        (
            # Each is fine by itself.
            {
                "cull": {"warn_before": 3600},
                "memory_profiles": [{**SMALL, "cull": {"idle_after": 3600}}],
            },
            r"memory_profiles: profile 'small': cull: warn_before \(3600\) is not less",
        ),
    ],
)
def test_a_wrong_policy_stops_the_hub_at_its_start(tmp_path, traits, message) -> None:
    settings = {"data_directory": str(tmp_path), "args": ["--allow-root"], **traits}
    app = JupyterHub(config=Config({"ProcessGatewaySpawner": settings}))
    with pytest.raises(ConfigurationError, match=message):
        check_spawner(ProcessGatewaySpawner, app)


def test_every_key_of_the_policy_is_in_the_help() -> None:
    text = ProcessGatewaySpawner.cull.help
    for key in CullPolicy.__slots__:
        assert f"- ``{key}``:" in text

"""A spawner that counts memory: its settings, and what it remembers of a run."""

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from jupyterhub.app import JupyterHub
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.local.process_spawner import ProcessGatewaySpawner
from jhub_gateway.memory_counting import keep_counting
from jhub_gateway.policy.end_reasons import find_end_reason
from jhub_gateway.policy.reason_codes import make_reason
from jhub_gateway.profiled_spawner import check_spawner
from tests.unit.local.servers import SMALL, make_spawner

WAITING = "import time; time.sleep(600)"
OOM = make_reason("oom", "It ran out of memory.", "oom")


@pytest.fixture
async def started(tmp_path, ledger):
    spawner = make_spawner(tmp_path / "data", code=WAITING)
    spawner.user.db = ledger._db
    await spawner.start()
    yield spawner
    await spawner.stop(now=True)


async def test_a_hub_that_restarts_knows_what_a_run_has(started, tmp_path) -> None:
    after = make_spawner(tmp_path / "data", code=WAITING)
    after.load_state(json.loads(json.dumps(started.get_state())))
    assert after.memory_run == started.memory_run
    assert after.memory_run.memory == 256 * 1024**2
    assert after.memory_run.owner == started.home_directory
    after.clear_state()
    assert after.memory_run is None
    assert "memory" not in after.get_state()


def test_a_server_of_an_earlier_version_is_not_counted(tmp_path) -> None:
    spawner = make_spawner(tmp_path)
    spawner.load_state({"run": {"run_id": "1" * 16}, "profile": "small"})
    assert spawner.memory_run is None


async def test_a_server_that_ran_out_of_memory_has_used_all(started, ledger) -> None:
    started.remember_end(OOM, "small")
    [session] = ledger.read_sessions(0)
    assert session.peak == session.memory == 256 * 1024**2


async def test_another_end_says_nothing_of_memory(started, ledger) -> None:
    started.remember_end(find_end_reason(None), "small")
    assert [session.peak for session in ledger.read_sessions(0)] == [None]


async def test_a_database_that_is_away_stops_no_server_from_starting(
    tmp_path, ledger, monkeypatch, caplog
) -> None:
    def fail(_run) -> None:
        raise OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr(ledger, "begin", fail)
    monkeypatch.setattr(ledger, "end", fail)
    spawner = make_spawner(tmp_path / "data", code=WAITING)
    spawner.user.db = ledger._db
    await spawner.start()
    assert await spawner.poll() is None
    await spawner.stop(now=True)
    assert await spawner.poll() is not None
    assert "is not counted now" in caplog.text


async def test_looks_go_on_when_one_fails(ledger, monkeypatch, started) -> None:
    monkeypatch.setattr("jhub_gateway.memory_counting.LOOK_SECONDS", 0.01)
    looks, enough = [], asyncio.Event()

    def count_all(runs) -> None:
        looks.append(len(runs))
        if len(looks) == 3:
            enough.set()
        if len(looks) == 1:
            raise OperationalError("UPDATE", {}, Exception("away"))

    monkeypatch.setattr(ledger, "count_all", count_all)
    ready = SimpleNamespace(ready=True, memory_run=started.memory_run)
    starting = SimpleNamespace(ready=False, memory_run=started.memory_run)
    user = SimpleNamespace(spawners={"": ready, "other": starting})
    app = SimpleNamespace(users={1: user}, db=ledger._db, log=started.log)
    task = asyncio.ensure_future(keep_counting(app, ledger, timedelta(days=1)))
    await asyncio.wait_for(enough.wait(), 30)
    task.cancel()
    assert looks[:3] == [1, 1, 1]


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"group_memory_hours": [{"hours": 0}]}, "group_memory_hours: budget 0: hours: 0 must"),
        ({"max_memory_per_user": "lots"}, "max_memory_per_user: 'lots' is no amount"),
        (
            {"max_memory_per_user": "128M"},
            "max_memory_per_user: 128 MB is less than the smallest profile has, 256 MB",
        ),
        (
            {"max_memory_per_user": "1G", "memory_profiles": []},
            "max_memory_per_user is set, and there are no memory_profiles",
        ),
        (
            {"group_memory_hours": [{"hours": 5}], "memory_profiles": []},
            "group_memory_hours is set, and there are no memory_profiles",
        ),
        ({"group_memory_hour": []}, "there is no such setting"),
    ],
)
async def test_a_setting_that_cannot_work_stops_the_hub(traits, message) -> None:
    app = make_app(**traits)
    with pytest.raises(ConfigurationError) as raised:
        check_spawner(ProcessGatewaySpawner, app)
    assert message in str(raised.value)


def make_app(**traits):
    own = {"memory_profiles": [SMALL], "args": ["--allow-root"], **traits}
    return JupyterHub(config=Config({"ProcessGatewaySpawner": own}))


def test_without_its_table_a_hub_goes_on_only_if_it_has_no_budgets(caplog) -> None:
    problem = OperationalError("CREATE", {}, Exception("denied"))
    ProcessGatewaySpawner.refuse_without_ledger(make_app(), problem)
    app = make_app(group_memory_hours=[{"hours": 5}])
    with pytest.raises(ConfigurationError, match="group_memory_hours needs a table"):
        ProcessGatewaySpawner.refuse_without_ledger(app, problem)


def test_runs_are_remembered_for_as_long_as_a_budget_looks_back() -> None:
    assert ProcessGatewaySpawner.find_retention(make_app()).days == 90
    app = make_app(group_memory_hours=[{"hours": 5, "days": 365}])
    assert ProcessGatewaySpawner.find_retention(app).days == 366

"""The runs that a hub's database remembers."""

import pytest
from jupyterhub import orm
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import OperationalError

from jhub_gateway import memory_clock
from jhub_gateway.memory_ledger import MemoryLedger, MemoryRun
from jhub_gateway.policy.memory_hours import count_hours
from jhub_gateway.upgrade.database_copy import copy_database

GIB, HOUR = 1024**3, 3600
FAR = -(10**12)


def make_run(name: str, account: str = "group:course", profile: str = "large", gib: int = 4):
    return MemoryRun(name, account, f"user-{name}", f"home-{name}", profile, gib * GIB)


class Machine:
    """The clocks of the machine that hubs run on."""

    def __init__(self, monkeypatch) -> None:
        self.wall, self.steady = 1_800_000_000.0, 5.0
        monkeypatch.setattr(
            memory_clock.MemoryClock.__init__,
            "__defaults__",
            (0, lambda: self.wall, lambda: self.steady),
        )

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def boot(self, wall: float) -> None:
        self.wall, self.steady = wall, 1.0


@pytest.fixture
def machine(monkeypatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def open_ledger(database, machine):
    """Opens the ledger as a hub does that starts."""
    sessions = []

    def open_one() -> MemoryLedger:
        sessions.append(orm.new_session_factory(database)())
        return MemoryLedger(sessions[-1], lambda: machine.steady)

    yield open_one
    for session in sessions:
        session.close()


def hours_of(ledger: MemoryLedger, account: str = "group:course") -> float:
    return count_hours(ledger.read_spans(account, FAR), FAR)


def test_a_server_is_counted_from_its_start_to_its_end(open_ledger, machine) -> None:
    ledger, run = open_ledger(), make_run("a")
    ledger.begin(run)
    machine.wait(HOUR)
    ledger.count_all([run])
    assert hours_of(ledger) == 4
    machine.wait(HOUR)
    ledger.end(run)
    machine.wait(HOUR)
    ledger.count_all([])
    assert hours_of(ledger) == 8


def test_counting_again_changes_nothing(open_ledger, machine) -> None:
    ledger, run = open_ledger(), make_run("a")
    for _ in range(3):
        ledger.begin(run)
        ledger.count_all([run])
    machine.wait(HOUR)
    # Another hub with this database, for a moment.
    for each in (ledger, open_ledger(), ledger):
        each.count_all([run])
        each.end(run)
    assert hours_of(ledger) == 4


def test_a_hub_that_restarts_counts_what_ran_meanwhile_and_not_what_ended(
    open_ledger, machine
) -> None:
    ledger, stays, ends = open_ledger(), make_run("a"), make_run("b", "group:lab")
    ledger.count_all([stays, ends])
    machine.wait(60)
    ledger.count_all([stays, ends])
    machine.wait(HOUR)
    after = open_ledger()
    after.count_all([stays])
    assert hours_of(after) == pytest.approx(4 + 4 / 60)
    assert hours_of(after, "group:lab") == pytest.approx(4 / 60)


@pytest.mark.parametrize("step", [-86400, -3600, 3600, 86400])
def test_a_clock_that_is_set_while_the_hub_runs_changes_nothing(open_ledger, machine, step) -> None:
    ledger, run = open_ledger(), make_run("a")
    ledger.begin(run)
    for _ in range(2):
        machine.wait(HOUR / 2)
        machine.wall += step
        ledger.count_all([run])
    assert hours_of(ledger) == 4


def test_a_next_hub_whose_clock_is_behind_takes_nothing_back(open_ledger, machine) -> None:
    ledger, run = open_ledger(), make_run("a")
    ledger.begin(run)
    machine.wait(HOUR)
    ledger.count_all([run])
    machine.boot(machine.wall - 10 * HOUR)
    after = open_ledger()
    after.count_all([run])
    assert hours_of(after) == 4
    machine.wait(HOUR)
    after.count_all([run])
    assert hours_of(after) == 8


def test_a_server_that_was_started_while_the_database_was_away_is_counted_from_the_next_look(
    open_ledger, machine
) -> None:
    ledger, run = open_ledger(), make_run("a")
    ledger.count_all([run])
    machine.wait(HOUR)
    ledger.count_all([run])
    assert hours_of(ledger) == 4


def test_a_thousand_servers_are_counted_at_once(open_ledger, machine) -> None:
    ledger, runs = open_ledger(), [make_run(f"{number:016x}") for number in range(1200)]
    ledger.count_all(runs)
    machine.wait(HOUR)
    ledger.count_all(runs)
    assert hours_of(ledger) == 4 * 1200


def test_a_sum_is_taken_again_after_an_end_a_look_and_half_a_minute(open_ledger, machine) -> None:
    ledger, run = open_ledger(), make_run("a")
    made: list[float] = []

    def sum_up() -> float:
        made.append(hours_of(ledger))
        return made[-1]

    ledger.begin(run)
    assert ledger.sum_up("group:course", sum_up) == 0
    machine.wait(20)
    assert ledger.sum_up("group:course", sum_up) == 0
    assert len(made) == 1
    machine.wait(20)
    ledger.sum_up("group:course", sum_up)
    assert len(made) == 2
    ledger.end(run)
    assert ledger.sum_up("group:course", sum_up) > 0
    ledger.count_all([])
    ledger.sum_up("group:course", sum_up)
    assert len(made) == 4


def test_sessions_are_those_of_one_owner_the_last_first(open_ledger, machine) -> None:
    ledger = open_ledger()
    assert ledger.read_last_profile("home-a") is None
    for number, peak in enumerate([1, 2, None, 3]):
        run = MemoryRun(f"r{number}", "", "ada", "home-a", "large", 4 * GIB)
        ledger.begin(run)
        machine.wait(60)
        ledger.end(run)
        assert peak is None or ledger.note_peak(run.run_id, peak)
    ledger.begin(make_run("b"))
    found = ledger.read_last("home-a", "large", FAR, 2)
    assert [session.peak for session in found] == [3, 2]
    assert ledger.read_last("home-b", "large", FAR, 2) == []
    assert ledger.read_last("home-a", "large", ledger.clock.read(), 2) == []
    assert ledger.read_last_profile("home-a") == "large"
    assert not ledger.note_peak("r0", 5)
    assert not ledger.note_peak("none", 5)


def test_what_ended_long_ago_is_forgotten(open_ledger, machine) -> None:
    ledger, old, new = open_ledger(), make_run("a"), make_run("b")
    ledger.begin(old)
    machine.wait(HOUR)
    ledger.begin(new)
    ledger.forget(ledger.clock.read())
    assert [session.user for session in ledger.read_sessions(FAR)] == ["user-b"]


def test_a_backup_has_the_table_too(open_ledger, database, tmp_path) -> None:
    open_ledger().begin(make_run("a"))
    target = create_engine(f"sqlite:///{tmp_path}/copy.sqlite")
    assert copy_database(create_engine(database), target)["jhub_gateway_memory"] == 1
    assert "jhub_gateway_memory" in inspect(target).get_table_names()
    session = orm.new_session_factory(f"sqlite:///{tmp_path}/copy.sqlite")()
    assert [one.user for one in MemoryLedger(session).read_sessions(FAR)] == ["user-a"]
    session.close()


def test_a_database_that_takes_no_table_is_told(database) -> None:
    session = orm.new_session_factory(database)()
    session.connection().exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(OperationalError, match="readonly"):
        MemoryLedger(session)
    session.close()

"""The ledger of memory in the database that hubs with several replicas have."""

from contextlib import closing

import pytest
from jupyterhub import orm

from jhub_gateway.memory_ledger import MemoryLedger, MemoryRun
from jhub_gateway.policy.memory_hours import count_hours

GIB, HOUR = 1024**3, 3600


def test_postgresql_counts_as_sqlite_does(postgresql) -> None:
    url = postgresql.make_url(postgresql.make_database())
    runs = [
        MemoryRun(f"{number:016x}", "group:course", "ada", "ada", "large", 512 * GIB)
        for number in range(1200)
    ]
    with closing(orm.new_session_factory(url)()) as session:
        ledger = MemoryLedger(session)
        ledger.count_all(runs)
        ledger.clock._offset += HOUR
        ledger.count_all(runs)
        ledger.end(runs[0])
        assert ledger.note_peak(runs[0].run_id, 400 * GIB)
        assert not ledger.note_peak(runs[0].run_id, 500 * GIB)
    with closing(orm.new_session_factory(url)()) as session:
        after = MemoryLedger(session)
        after.count_all(runs)
        hours = count_hours(after.read_spans("group:course", 0), 0)
        assert hours == pytest.approx(512 * 1200, rel=0.01)
        assert [one.peak for one in after.read_last("ada", "large", 0, 5)] == [400 * GIB]
        after.forget(after.clock.read() + 1)
        assert list(after.read_sessions(0)) == []

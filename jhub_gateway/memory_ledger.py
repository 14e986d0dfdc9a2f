"""Which server had how much memory, from when until when: a table of its own in the hub's database.

A run of a server has one row, which says until when it is counted. To count it again, after a crash
or by another hub, changes nothing: nothing is added up but when it is read.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    MetaData,
    Table,
    Unicode,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from jhub_gateway.memory_clock import MemoryClock
from jhub_gateway.models import MemorySession, MemorySpan

# Whole seconds and bytes: they are the same in every kind of database, and in a copy.
_TABLE = Table(
    "jhub_gateway_memory",
    MetaData(),
    Column("run_id", Unicode(16), primary_key=True),
    Column("account", Unicode(300), nullable=False),
    Column("username", Unicode(255), nullable=False),
    Column("owner", Unicode(255), nullable=False),
    Column("profile", Unicode(63), nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("peak", BigInteger),
    Index("jhub_gateway_memory_account", "account", "until"),
    Index("jhub_gateway_memory_owner", "owner", "profile", "until"),
    Index("jhub_gateway_memory_until", "until"),
)
_SPAN = (_TABLE.c.memory, _TABLE.c.began, _TABLE.c.until)
_SESSION = (_TABLE.c.username, _TABLE.c.profile, *_SPAN, _TABLE.c.peak)
# Databases take some thousand values in a statement.
_MOST_VALUES = 500
# A class that comes to its pages at the same time is no reason to add up its hours for each.
_SUM_SECONDS = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MemoryRun:
    """A run of a server: ``memory`` bytes, charged to ``account``, which may be empty.

    ``owner`` is what the owner's home is named by, which no other person ever has.
    """

    run_id: str
    account: str
    username: str
    owner: str
    profile: str
    memory: int


class MemoryLedger:
    """The table of the hub's database ``db``. Each method may raise SQLAlchemyError.

    Nothing of the session may be uncommitted.
    """

    def __init__(self, db: Session, steady: Callable[[], float] = time.monotonic) -> None:
        self._db, self._steady = db, steady
        _TABLE.create(db.connection(), checkfirst=True)
        last = db.execute(select(func.max(_TABLE.c.until))).scalar()
        db.commit()
        self.clock = MemoryClock(last or 0)
        self._known: set[str] = set()
        self._sums: dict[str, tuple[float, Any]] = {}

    # Counting

    def begin(self, run: MemoryRun) -> None:
        """Take note that the server runs from now on."""
        self._count([run])

    def count_all(self, runs: Sequence[MemoryRun]) -> None:
        """Take note that these servers run now, and no others; new ones do so from now on."""
        self._count(runs)
        self._known = {run.run_id for run in runs}
        self._sums.clear()

    def end(self, run: MemoryRun) -> None:
        """Take note that the server ends now."""
        self._move_on([run.run_id], self.clock.read())
        self._db.commit()
        self._sums.pop(run.account, None)

    def note_peak(self, run_id: str, peak: int) -> bool:
        """Take note of the bytes that it has used at most; return whether none were known."""
        own = _TABLE.c.run_id == run_id
        query = update(_TABLE).where(own, _TABLE.c.peak.is_(None)).values(peak=peak)
        is_news = bool(self._db.execute(query).rowcount)  # type: ignore[attr-defined]
        self._db.commit()
        return is_news

    def forget(self, before: int) -> None:
        """Remove the runs that ended before a time of the ledger's clock."""
        self._db.execute(delete(_TABLE).where(_TABLE.c.until < before))
        self._db.commit()

    def _count(self, runs: Sequence[MemoryRun]) -> None:
        now = self.clock.read()
        for some in _split(self._find_fresh(runs)):
            rows = [asdict(run) | {"began": now, "until": now} for run in some]
            self._db.execute(insert(_TABLE), rows)
        for some in _split(runs):
            self._move_on([run.run_id for run in some], now)
        self._db.commit()
        self._known.update(run.run_id for run in runs)

    def _find_fresh(self, runs: Sequence[MemoryRun]) -> list[MemoryRun]:
        unseen = [run for run in runs if run.run_id not in self._known]
        stored: set[str] = set()
        for some in _split(unseen):
            names = [run.run_id for run in some]
            query = select(_TABLE.c.run_id).where(_TABLE.c.run_id.in_(names))
            stored.update(self._db.execute(query).scalars())
        return [run for run in unseen if run.run_id not in stored]

    def _move_on(self, run_ids: Sequence[str], now: int) -> None:
        own = _TABLE.c.run_id.in_(run_ids)
        self._db.execute(update(_TABLE).where(own, _TABLE.c.until < now).values(until=now))

    # Reading

    def read_spans(self, account: str, since: int) -> list[MemorySpan]:
        """Return what was charged to the account after ``since``."""
        own = (_TABLE.c.account == account, _TABLE.c.until > since)
        rows = self._db.execute(select(*_SPAN).where(*own)).all()
        return [MemorySpan(*row) for row in rows]

    def sum_up(self, account: str, make: Callable[[], T]) -> T:
        """Return what ``make`` makes of the account's spans, or made of them some seconds ago."""
        now = self._steady()
        at, found = self._sums.get(account, (-inf, None))
        if now - at > _SUM_SECONDS:
            found = make()
            self._sums[account] = (now, found)
        made: T = found
        return made

    def read_last_profile(self, owner: str) -> str | None:
        """Return the profile that the owner had last; None if they had none."""
        query = select(_TABLE.c.profile).where(_TABLE.c.owner == owner)
        return self._db.execute(query.order_by(_TABLE.c.until.desc()).limit(1)).scalar()

    def read_last(self, owner: str, profile: str, since: int, most: int) -> list[MemorySession]:
        """Return up to ``most`` measured sessions of the owner in the profile, the last first."""
        own = (_TABLE.c.owner == owner, _TABLE.c.profile == profile, _TABLE.c.until > since)
        query = select(*_SESSION).where(*own, _TABLE.c.peak.is_not(None))
        rows = self._db.execute(query.order_by(_TABLE.c.until.desc()).limit(most)).all()
        return [MemorySession(*row) for row in rows]

    def read_sessions(self, since: int) -> Iterator[MemorySession]:
        """Yield all sessions that went on after ``since``."""
        query = select(*_SESSION).where(_TABLE.c.until > since)
        for row in self._db.execute(query):
            yield MemorySession(*row)


def _split(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _MOST_VALUES):
        yield values[start : start + _MOST_VALUES]

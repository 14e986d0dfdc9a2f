"""A copy of a whole database, of whatever kind, in one of the same or of another kind.

Only SQLAlchemy is asked what there is, not JupyterHub's models: a backup is of any release's
database, and has the tables of other packages that are in it.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)

from jhub_gateway.errors import GatewayError

_ROWS = 500  # that are held in memory at a time


class DatabaseError(GatewayError):
    """The database can't be copied so. The message says why, with nothing of its address."""


def copy_database(source: Engine, target: Engine, *, replace: bool = False) -> dict[str, int]:
    """Copy all tables into an empty database, and compare; return each table's number of rows.

    With ``replace`` the target's tables are removed first. Nothing is kept of a copy that fails,
    where the target's kind can take back new tables (SQLite and PostgreSQL can). Raises
    DatabaseError and SQLAlchemyError.
    """
    with source.connect() as reading, target.begin() as writing:
        for connection in (reading, writing):
            _begin(connection)
        tables = read_tables(reading)
        if not tables:
            raise DatabaseError("there is nothing to copy: the database has no tables")
        _make_room(writing, replace)
        for table in tables:
            table.create(writing)
        copied = {table.name: _copy_rows(table, reading, writing) for table in tables}
        for table in tables:
            _check_rows(table, reading, writing)
            _set_sequence(table, writing)
    return copied


def read_tables(connection: Connection) -> list[Table]:
    """Return the tables as any kind of database can have them, each after those it refers to."""
    metadata = MetaData()
    event.listen(metadata, "column_reflect", _generalise)
    metadata.reflect(connection)
    return list(metadata.sorted_tables)


def _begin(connection: Connection) -> None:
    """Have all tables read as of one moment, and all changes kept or none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    if connection.dialect.name == "sqlite":
        # Python's driver would begin at the first change of a row, after the tables are made.
        connection.exec_driver_sql("BEGIN")


def _generalise(_inspector: Any, _table: Any, column: Any) -> None:
    column["type"] = column["type"].as_generic(allow_nulltype=True)
    # Written in the source's own SQL; each row is copied with all of its values.
    column["default"] = None
    column.pop("identity", None)


def _make_room(connection: Connection, replace: bool) -> None:
    found = inspect(connection).get_table_names()
    if found and not replace:
        raise DatabaseError(
            f"the database is not empty: it has the table {sorted(found)[0]}; give an empty one"
        )
    if found:
        metadata = MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)


def _copy_rows(table: Table, reading: Connection, writing: Connection) -> int:
    count = 0
    rows = reading.execution_options(yield_per=_ROWS).execute(select(table)).mappings()
    for some in rows.partitions(_ROWS):
        writing.execute(insert(table), [dict(row) for row in some])
        count += len(some)
    return count


def _check_rows(table: Table, reading: Connection, writing: Connection) -> None:
    pairs = zip_longest(_read_in_order(table, reading), _read_in_order(table, writing))
    if any(before != after for before, after in pairs):
        raise DatabaseError(f"the copy of the table {table.name} differs from it; do it again")


def _read_in_order(table: Table, connection: Connection) -> Iterator[Row[Any]]:
    # Texts have another order in each kind of database: rows that are the same lie side by side
    # only by their keys as Python orders them.
    keys: list[Column[Any]] = list(table.primary_key.columns) or list(table.columns)
    places = [list(table.columns).index(key) for key in keys]
    rows = connection.execute(select(table)).fetchall()
    yield from sorted(rows, key=lambda row: [repr(row[place]) for place in places])


def _set_sequence(table: Table, connection: Connection) -> None:
    """Have PostgreSQL count on from the highest number; the other kinds do so by themselves."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    if not isinstance(column.type, Integer):
        return
    highest = connection.execute(select(func.max(column))).scalar()
    if highest is not None:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, highest)))

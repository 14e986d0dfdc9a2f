"""The PostgreSQL of the tests."""

from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from tests.fixtures.postgresql import PostgreSQL


def test_gives_each_who_asks_an_empty_database(postgresql: PostgreSQL) -> None:
    names = [postgresql.make_database() for _ in range(2)]
    with closing(postgresql.connect(names[0])) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE told (word text)")
        connection.commit()
    with closing(postgresql.connect(names[1])) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)


def test_asks_for_the_password(postgresql: PostgreSQL) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        replace(postgresql, password="wrong").connect("postgres")

"""The id that a hub's database keeps."""

import re

import pytest
from jupyterhub import orm
from sqlalchemy.exc import OperationalError

from jhub_gateway import hub_database
from jhub_gateway.hub_database import get_database_id


@pytest.fixture
def open_database(tmp_path):
    """Opens a database file as a hub does when it starts."""
    sessions = []

    def open_one(name: str = "hub"):
        sessions.append(orm.new_session_factory(f"sqlite:///{tmp_path}/{name}.sqlite")())
        return sessions[-1]

    yield open_one
    for session in sessions:
        session.close()


def test_a_database_keeps_its_id(open_database):
    database = open_database()
    found = get_database_id(database)
    assert re.fullmatch("[0-9a-f]{16}", found)
    assert get_database_id(database) == found
    assert get_database_id(open_database()) == found


def test_each_database_has_its_own(open_database):
    assert get_database_id(open_database()) != get_database_id(open_database("other"))


def test_of_two_hubs_that_make_an_id_at_the_same_time_both_get_one(open_database, monkeypatch):
    first, second = open_database(), open_database()
    make_id = hub_database.token_hex

    def let_the_other_be_quicker(length):
        monkeypatch.setattr(hub_database, "token_hex", make_id)
        second.rollback()
        quicker.append(get_database_id(first))
        return make_id(length)

    quicker = []
    monkeypatch.setattr(hub_database, "token_hex", let_the_other_be_quicker)
    assert [get_database_id(second)] == quicker


def test_a_database_that_takes_no_table_is_told(tmp_path):
    session = orm.new_session_factory(f"sqlite:///{tmp_path}/hub.sqlite")()
    session.connection().exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(OperationalError, match="readonly"):
        get_database_id(session)
    session.close()

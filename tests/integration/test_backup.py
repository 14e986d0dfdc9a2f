"""Backups of the hub's database, there and back, between SQLite and PostgreSQL."""

import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from jupyterhub import orm
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.orm import Session

from jhub_gateway.cli import main
from jhub_gateway.hub_database import get_database_id
from jhub_gateway.upgrade.backup import back_up, restore
from jhub_gateway.upgrade.database_copy import DatabaseError

KINDS = ["sqlite", "postgresql"]
MakeEngine = Callable[[str], Engine]


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are copied in several parts."""
    monkeypatch.setattr("jhub_gateway.upgrade.database_copy._ROWS", 25)


@pytest.fixture
def make_engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeEngine]:
    """Make an empty database of a kind."""
    made: list[Engine] = []

    def make(kind: str) -> Engine:
        url = f"sqlite:///{tmp_path}/{len(made)}.sqlite"
        if kind == "postgresql":
            server = request.getfixturevalue("postgresql")
            url = server.make_url(server.make_database())
        made.append(create_engine(url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def fill(engine: Engine) -> str:
    """Make a hub's database with a user, their server and a group; return the database's id."""
    orm.check_db_revision(engine)
    orm.Base.metadata.create_all(engine)
    with Session(engine) as db:
        ada = orm.User(name="ada", admin=True, encrypted_auth_state=b"\0\xff sealed")
        ada.created = datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=UTC).replace(tzinfo=None)
        server = orm.Server(ip="10.1.2.3", port=8888, base_url="/user/ada/")
        spawner = orm.Spawner(user=ada, name="", server=server, state={"pod_name": "jupyter-ada"})
        db.add_all([ada, spawner, orm.Group(name="/gateway/users", users=[ada])])
        db.add_all(orm.User(name=f"übel-{number}") for number in range(60))
        db.commit()
        db.add(orm.APIToken(user=ada, note="a note", hashed="sha512:1:a:b", prefix="0123"))
        db.commit()
        return get_database_id(db)


@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("before", KINDS)
def test_a_hub_finds_all_of_it_again(make_engine: MakeEngine, tmp_path, before, after):
    source, target, file = make_engine(before), make_engine(after), tmp_path / "backups" / "one"
    database_id = fill(source)

    copied = back_up(source, file)
    assert restore(file, target) == copied
    assert copied["users"] == 61

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    orm.check_db_revision(target)
    with Session(target) as db:
        ada = db.scalars(select(orm.User).filter_by(name="ada")).one()
        assert ada.encrypted_auth_state == b"\0\xff sealed"
        assert ada.created.microsecond == 123456
        assert ada.admin is True
        assert ada.groups[0].name == "/gateway/users"
        assert ada.orm_spawners[""].server.port == 8888
        assert ada.orm_spawners[""].state == {"pod_name": "jupyter-ada"}
        assert get_database_id(db) == database_id
        # The next number is free.
        db.add(orm.User(name="new"))
        db.commit()
        # The rights of the tables to each other came along.
        db.delete(ada)
        db.commit()


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_are_those_of_jupyterhub(make_engine: MakeEngine, tmp_path, kind):
    source, target = make_engine("sqlite"), make_engine(kind)
    fill(source)
    back_up(source, tmp_path / "one")
    restore(tmp_path / "one", target)
    with target.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, orm.Base.metadata)
    # A table of this project's own is there too.
    assert [one[1].name for one in found if one[0] == "remove_table"] == ["jhub_gateway"]
    assert [one for one in found if one[0] != "remove_table"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_takes_the_place_of_what_is_there_only_if_that_is_said(make_engine, tmp_path, kind):
    source, target = make_engine("sqlite"), make_engine(kind)
    fill(source)
    back_up(source, tmp_path / "one")
    with target.begin() as connection:
        connection.execute(text("CREATE TABLE other (word VARCHAR(9))"))
    with pytest.raises(DatabaseError, match="not empty: it has the table other"):
        restore(tmp_path / "one", target)
    assert inspect(target).get_table_names() == ["other"]
    restore(tmp_path / "one", target, replace=True)
    assert "other" not in inspect(target).get_table_names()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_kept_of_half_a_copy(make_engine: MakeEngine, tmp_path, kind, monkeypatch):
    source, target = make_engine("sqlite"), make_engine(kind)
    fill(source)
    back_up(source, tmp_path / "one")

    def fail(*_: object) -> None:
        raise DatabaseError("it differs")

    monkeypatch.setattr("jhub_gateway.upgrade.database_copy._check_rows", fail)
    with pytest.raises(DatabaseError, match="it differs"):
        restore(tmp_path / "one", target)
    with pytest.raises(DatabaseError, match="it differs"):
        back_up(source, tmp_path / "one")
    assert inspect(target).get_table_names() == []
    assert [path.name for path in tmp_path.glob("one*")] == ["one"]


def test_a_row_that_changes_while_it_is_copied_is_noticed(make_engine, tmp_path, monkeypatch):
    from jhub_gateway.upgrade import database_copy

    source = make_engine("sqlite")
    fill(source)
    copy_rows = database_copy._copy_rows

    def lose_one(table, reading, writing):
        count = copy_rows(table, reading, writing)
        if table.name == "users":
            writing.execute(table.delete().where(table.c.name == "übel-7"))
        return count

    monkeypatch.setattr(database_copy, "_copy_rows", lose_one)
    with pytest.raises(DatabaseError, match="the copy of the table users differs"):
        back_up(source, tmp_path / "one")


def test_an_empty_database_is_no_backup(make_engine: MakeEngine, tmp_path):
    with pytest.raises(DatabaseError, match="nothing to copy"):
        back_up(make_engine("sqlite"), tmp_path / "one")
    with pytest.raises(DatabaseError, match="no such file"):
        restore(tmp_path / "one", make_engine("sqlite"))


def test_the_command_finds_the_database_in_the_hubs_settings(make_engine, tmp_path, capsys):
    source = make_engine("sqlite")
    fill(source)
    config, file = tmp_path / "jupyterhub_config.py", tmp_path / "one"
    config.write_text(f"c.JupyterHub.db_url = {str(source.url)!r}")
    words = ["--config", str(config)]
    assert main(["database", "backup", *words, "--to", str(file)]) == 0
    assert "tables with" in capsys.readouterr().out
    assert main(["database", "restore", *words, "--from", str(file)]) == 1
    assert "the database is not empty" in capsys.readouterr().err
    assert main(["database", "restore", *words, "--from", str(file), "--replace"]) == 0
    assert "61 of them users" in capsys.readouterr().out

"""The hub's view of its servers: what the database has, and what this process remembers."""

from types import SimpleNamespace

import pytest
from jupyterhub import orm

from jhub_gateway.hub_servers import adopt, find_users_with_servers, free, read_servers
from jhub_gateway.policy.reconciliation import Server

STATE = {"pod_name": "jupyter-ada", "start_id": "s1"}


class Spawners(dict):
    """Makes a spawner of what the database has, as JupyterHub's does."""

    def __init__(self, orm_user):
        super().__init__()
        self.orm_user = orm_user

    def __missing__(self, name):
        self[name] = made = Spawner(self.orm_user.orm_spawners[name].server)
        return made


class Spawner:
    pod_name = "jupyter-ada"
    name = ""
    pending = None
    has_running_pod = True
    status = None

    def __init__(self, server):
        self.server = server
        self._callbacks = []
        self.polling = False

    async def poll(self):
        return self.status

    async def poll_and_notify(self):
        if self.status is not None:
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                await callback()
        return self.status

    def add_poll_callback(self, callback):
        self._callbacks.append(callback)

    def start_polling(self):
        self.polling = True


@pytest.fixture
def app(tmp_path):
    """A hub that has ada's server in its database, and nothing in its memory."""
    make_session = orm.new_session_factory(f"sqlite:///{tmp_path}/hub.sqlite")
    db = make_session()
    ada = orm.User(name="ada")
    db.add_all([ada, orm.User(name="grace")])
    for name, server in (("", orm.Server()), ("stopped", None)):
        db.add(orm.Spawner(user=ada, name=name, state=STATE, server=server))
    db.commit()
    app = SimpleNamespace(db=db, users={}, proxy=SimpleNamespace(routes=[]), stopped=[])

    async def add_user(user, name):
        app.proxy.routes.append(name)

    async def delete_user(user, name):
        app.proxy.routes.remove(name)

    async def stop(name):
        app.stopped.append(name)

    app.proxy.add_user, app.proxy.delete_user = add_user, delete_user
    user = SimpleNamespace(name="ada", orm_user=ada, spawners=Spawners(ada), stop=stop)
    app.users["ada"] = user
    Spawner.user = user
    yield app
    db.close()


def remember(app, **settings):
    spawner = app.users["ada"].spawners[""]
    vars(spawner).update(settings)
    return spawner


def test_the_database_says_which_servers_there_are(app):
    assert read_servers(app) == [Server("ada", "", "jupyter-ada", "s1")]


def test_what_another_hub_changed_in_the_database_counts(app):
    read_servers(app)
    other = orm.new_session_factory(str(app.db.get_bind().url))()
    other.query(orm.Spawner).filter_by(name="").one().server = None
    other.query(orm.Spawner).filter_by(name="stopped").one().server = orm.Server()
    other.commit()
    other.close()
    assert [server.name for server in read_servers(app)] == ["stopped"]


@pytest.mark.parametrize(
    ("settings", "pending", "watched"),
    [({}, False, False), ({"_callbacks": [1]}, False, True), ({"pending": "stop"}, True, False)],
)
def test_memory_says_what_is_pending_and_what_is_watched(app, settings, pending, watched):
    remember(app, **settings)
    (server,) = read_servers(app)
    assert (server.is_pending, server.is_watched) == (pending, watched)


def test_a_server_that_starts_and_is_not_stored_yet_is_known(app):
    app.users["ada"].spawners["new"] = new = Spawner(None)
    new.pending, new.pod_name = "spawn", "jupyter-ada--new"
    assert Server("ada", "new", "jupyter-ada--new", None, False, True) in read_servers(app)


def test_who_has_a_server_or_will_have_one(app):
    assert find_users_with_servers(app) == {"ada"}
    grace = SimpleNamespace(name="grace", spawners={"new": Spawner(None)})
    app.users["grace"] = grace
    assert find_users_with_servers(app) == {"ada"}
    grace.spawners["new"].pending = "spawn"
    assert find_users_with_servers(app) == {"ada", "grace"}


def test_who_has_a_server_since_another_process_started_it_counts(app):
    # As JupyterHub leaves it: what this process has read stays in its memory.
    assert app.db.query(orm.User).filter_by(name="grace").one()._orm_spawners == []
    find_users_with_servers(app)
    other = orm.new_session_factory(str(app.db.get_bind().url))()
    grace = other.query(orm.User).filter_by(name="grace").one()
    other.add(orm.Spawner(user=grace, name="", server=orm.Server()))
    other.query(orm.Spawner).filter_by(name="").first().server = None
    other.commit()
    other.close()
    assert find_users_with_servers(app) == {"grace"}


async def test_a_running_server_is_adopted_once(app):
    assert await adopt(app, "ada", "")
    spawner = app.users["ada"].spawners[""]
    assert spawner.polling
    assert app.proxy.routes == [""]
    assert not await adopt(app, "ada", "")
    assert app.users["ada"].spawners[""] is spawner


async def test_an_adopted_server_that_ends_frees_its_user(app):
    await adopt(app, "ada", "")
    assert not await free(app, "ada", "")
    app.users["ada"].spawners[""].status = 1
    assert await free(app, "ada", "")
    assert (app.stopped, app.proxy.routes) == ([""], [])


@pytest.mark.parametrize(
    "trouble", [{"status": 1}, {"has_running_pod": False}], ids=["has ended", "is not up yet"]
)
async def test_what_does_not_run_is_not_adopted(app, monkeypatch, trouble):
    for name, value in trouble.items():
        monkeypatch.setattr(Spawner, name, value)
    assert not await adopt(app, "ada", "")
    assert app.proxy.routes == []


async def test_what_has_stopped_since_is_neither_adopted_nor_freed(app):
    assert not await adopt(app, "ada", "stopped")
    assert not await free(app, "ada", "stopped")
    assert (app.stopped, app.proxy.routes) == ([], [])


async def test_what_is_pending_is_left(app):
    spawner = remember(app, pending="spawn", status=1)
    assert not await adopt(app, "ada", "")
    assert not await free(app, "ada", "")
    assert app.users["ada"].spawners[""] is spawner
    assert app.stopped == []

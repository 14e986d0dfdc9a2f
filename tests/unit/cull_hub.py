"""What a hub has in its database and in its memory of servers that run, without a hub."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from jupyterhub import orm
from jupyterhub.user import UserDict
from jupyterhub.utils import utcnow

from jhub_gateway.local.process_spawner import ProcessGatewaySpawner


def make_app(database: str, users: int, running: Iterable[int], **traits: Any) -> Any:
    """Return a hub with so many users; those of the numbers ``running`` have a server.

    ``traits`` are those of its spawner.
    """
    db = orm.new_session_factory(database)()
    people = [orm.User(name=f"user-{number}") for number in range(users)]
    stored = [orm.Spawner(name="", user=user) for user in people]
    for number in running:
        _start(stored[number])
    db.add_all(people)
    db.commit()
    settings = {"spawner_class": _make_class(traits), "base_url": "/"}
    known = UserDict(lambda: db, settings)
    app = SimpleNamespace(db=db, users=known, spawner_class=settings["spawner_class"])
    for number in running:
        # As the hub has loaded them when it started.
        _ = known[people[number]].spawners[""]
    return app


def _start(spawner: orm.Spawner) -> None:
    base_url = f"/user/{spawner.user.name}/"
    spawner.server = orm.Server(proto="http", ip="127.0.0.1", port=8888, base_url=base_url)
    spawner.started = spawner.last_activity = utcnow(with_tz=False)
    spawner.state = {"run": {"run_id": f"{id(spawner):016x}", "use_key": "k" * 43}}


def _make_class(traits: dict[str, Any]) -> type[ProcessGatewaySpawner]:
    class Spawner(ProcessGatewaySpawner):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **traits, **kwargs)

    return Spawner

"""Pages of running servers: which are on them, and what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from jupyterhub import orm
from sqlalchemy import event

from jhub_gateway.cull_listing import ServerListing
from jhub_gateway.policy.cull_policies import parse_profile_policies
from jhub_gateway.policy.profiles import parse_profiles
from tests.unit.cull_hub import make_app

PROFILES = [
    {"slug": "small", "display_name": "Small", "memory": "1G"},
    {"slug": "same", "display_name": "Same", "memory": "1G"},
    {
        "slug": "large",
        "display_name": "Large",
        "memory": "9G",
        "cull": {"idle_after": 5000, "exempt_groups": ["staff", "late"]},
    },
]


@pytest.fixture
def app(database, tmp_path):
    return make_app(
        database,
        users=40,
        running=range(0, 40, 2),
        data_directory=str(tmp_path / "data"),
        memory_profiles=PROFILES,
    )


def make_listing(app) -> ServerListing:
    return ServerListing(app, parse_profile_policies({}, parse_profiles(PROFILES)))


@contextmanager
def counted_queries(app) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_others) -> None:
        # JupyterHub looks whether the connection is there.
        if statement != "SELECT 1":
            asked.append(statement)

    engine = app.db.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_a_page_costs_two_queries_however_many_servers_are_on_it(app) -> None:
    listing = make_listing(app)
    with counted_queries(app) as asked:
        page = listing.read_page(0, 1000)
    assert len(page["servers"]) == 20
    assert len(asked) == 2
    # Those who have no server are not even loaded.
    assert len(app.users) == 20


@pytest.mark.parametrize("limit", [1, 3, 20, 21])
def test_pages_have_each_server_once_in_order(app, limit) -> None:
    listing, found, after = make_listing(app), [], 0
    while after is not None:
        page = listing.read_page(after, limit)
        assert len(page["servers"]) <= limit
        found += [server["user"] for server in page["servers"]]
        after = page["next"]
    assert found == [f"user-{number}" for number in range(0, 40, 2)]


def test_servers_that_come_and_go_between_pages_disturb_no_other(app) -> None:
    listing = make_listing(app)
    first = listing.read_page(0, 5)
    for gone in (0, 4, 12):
        spawner = app.users[f"user-{gone}"].spawners[""]
        spawner.server = None
        app.db.commit()
    rest = listing.read_page(first["next"], 1000)
    found = [server["user"] for server in rest["servers"]]
    assert found == [f"user-{number}" for number in range(10, 40, 2) if number != 12]


@pytest.mark.parametrize("flag", ["_spawn_pending", "_stop_pending", "_check_pending"])
def test_what_is_pending_is_left_out_and_the_page_goes_on(app, flag) -> None:
    setattr(app.users["user-4"].spawners[""], flag, True)
    page = make_listing(app).read_page(0, 5)
    assert [one["user"] for one in page["servers"]] == ["user-0", "user-2", "user-6", "user-8"]
    assert page["next"] is not None


def test_what_this_hub_does_not_hold_is_left_out(app) -> None:
    app.users["user-0"].spawners.clear()
    dict.__delitem__(app.users, app.users["user-2"].id)
    assert make_listing(app).read_page(0, 1)["servers"] == []
    assert len(make_listing(app).read_page(0, 1000)["servers"]) == 18


def test_each_server_has_its_profiles_policy_and_an_unknown_profile_the_default(app) -> None:
    slugs = ["small", "same", "large", "gone", ""]
    for number, slug in enumerate(slugs):
        app.users[f"user-{2 * number}"].spawners[""]._slug = slug
    page = make_listing(app).read_page(0, 1000)
    found = [page["policies"][one["policy"]]["idle_after"] for one in page["servers"][:5]]
    assert found == [10800, 10800, 5000, 10800, 10800]
    # The same policy is sent once.
    assert len(page["policies"]) == 2


def test_who_is_exempt_is_by_the_policy_of_their_server(app) -> None:
    staff = orm.Group(name="staff")
    others = orm.Group(name="others")
    for number in (0, 2):
        app.users[f"user-{number}"].orm_user.groups.append(staff)
    app.users["user-4"].orm_user.groups.append(others)
    app.db.commit()
    for number in (0, 4):
        app.users[f"user-{number}"].spawners[""]._slug = "large"
    page = make_listing(app).read_page(0, 1000)
    assert [one["user"] for one in page["servers"] if one["is_exempt"]] == ["user-0"]

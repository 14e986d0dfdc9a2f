"""A user's auth_state in a real database, which other tasks and processes change meanwhile."""

import asyncio

import pytest
from sqlalchemy import inspect

from jhub_gateway.credentials.auth_states import forget_state, read_state, replace_state
from tests.unit.credential_helpers import Hub, make_state, use_key

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


@pytest.fixture
def database(tmp_path):
    use_key(OLD)
    yield f"sqlite:///{tmp_path}/hub.sqlite"
    use_key()


async def save(user, state):
    await user.save_auth_state(state)


async def test_the_state_of_another_process_is_seen(database):
    here, there = Hub(database).find_user(), Hub(database).find_user()
    await save(here, {"access_token": "old"})
    assert (await read_state(there))[0] == {"access_token": "old"}
    await save(here, {"access_token": "new"})
    assert (await read_state(there))[0] == {"access_token": "new"}


async def test_a_state_that_is_forgotten_is_read_again(database):
    here, there = Hub(database).find_user(), Hub(database).find_user()
    await save(here, {"access_token": "old"})
    assert (await read_state(there))[0] == {"access_token": "old"}
    forget_state(there)
    assert "encrypted_auth_state" in inspect(there.orm_user).unloaded
    await save(here, {"access_token": "new"})
    assert await there.get_auth_state() == {"access_token": "new"}


async def test_nothing_is_forgotten_of_a_user_who_was_removed(database):
    user = Hub(database).find_user()
    user.db.delete(user.orm_user)
    user.db.commit()
    forget_state(user)
    assert await read_state(user) == (None, None)


async def test_a_state_is_replaced_once(database):
    here, there = Hub(database).find_user(), Hub(database).find_user()
    await save(here, {"count": 0})
    (_, seen_here), (_, seen_there) = await read_state(here), await read_state(there)
    assert await replace_state(here, seen_here, {"count": 1})
    assert not await replace_state(there, seen_there, {"count": 2})
    assert (await read_state(here))[0] == (await read_state(there))[0] == {"count": 1}
    assert await there.get_auth_state() == {"count": 1}


async def test_one_of_two_tasks_replaces_it(database):
    user = Hub(database).find_user()
    await save(user, {"count": 0})
    _, seen = await read_state(user)
    done = await asyncio.gather(*(replace_state(user, seen, {"count": n}) for n in range(1, 9)))
    assert sorted(done) == [False] * 7 + [True]
    assert (await user.get_auth_state())["count"] == done.index(True) + 1


async def test_no_state(database):
    user = Hub(database).find_user()
    assert await read_state(user) == (None, None)
    assert await replace_state(user, None, {"count": 1})
    assert await user.get_auth_state() == {"count": 1}


async def test_while_the_operator_changes_the_key(database):
    user = Hub(database).find_user()
    await save(user, make_state())
    use_key(NEW, OLD)
    async with asyncio.timeout(5):
        state, seen = await read_state(user)
    assert state["access_token"] == "access-0"
    assert await replace_state(user, seen, {"count": 1})
    use_key(NEW)
    assert await user.get_auth_state() == {"count": 1}


async def test_a_state_that_no_key_opens(database):
    user = Hub(database).find_user()
    await save(user, make_state())
    use_key(NEW)
    state, seen = await read_state(user)
    assert state is None
    assert seen is not None


async def test_a_user_whom_this_process_removed(database):
    hub = Hub(database)
    user = hub.find_user()
    await save(user, make_state())
    hub.db.delete(user.orm_user)
    hub.db.commit()
    assert await read_state(user) == (None, None)
    assert not await replace_state(user, None, make_state())


async def test_a_user_whom_another_process_removed(database):
    hub, other = Hub(database), Hub(database)
    user = hub.find_user()
    await save(user, make_state())
    _, seen = await read_state(user)
    other.db.delete(other.find_user().orm_user)
    other.db.commit()
    assert await read_state(user) == (None, None)
    assert not await replace_state(user, seen, make_state())

"""Whose server it is, by the login that the hub remembers."""

import pytest

from jhub_gateway.errors import StartRefused
from jhub_gateway.models import Owner
from jhub_gateway.owned_spawner import LOG_IN_AGAIN
from tests.unit.data_servers import make_server

ISSUER = "https://login.gateway.example"
FULL = {"issuer": ISSUER, "subject": "s1"}


async def test_the_home_is_the_identitys_and_not_the_names():
    homes = set()
    for name in ("ada", "lovelace"):
        server = make_server(name=name, auth_state=FULL, gives_subject=True)
        await server.load_owner()
        assert server.owner == Owner(name, ISSUER, "s1")
        homes.add(server.home_directory)
    assert len(homes) == 1


async def test_a_login_without_subjects_ties_the_home_to_the_name():
    server = make_server(auth_state={"token": "t"})
    await server.load_owner()
    assert (server.owner, server.home_directory) == (Owner("ada"), "ada")


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"issuer": ISSUER},
        {"subject": "s1"},
        {"issuer": ISSUER, "subject": 1},
        {"issuer": "not one issuer", "subject": "s1"},
    ],
)
async def test_a_login_that_should_say_who_it_is_and_does_not_is_refused(state):
    server = make_server(auth_state=state, gives_subject=True)
    with pytest.raises(StartRefused) as refusal:
        await server.load_owner()
    assert str(refusal.value) == LOG_IN_AGAIN
    assert refusal.value.cause
    with pytest.raises(RuntimeError):
        _ = server.owner

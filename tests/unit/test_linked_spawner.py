"""What a server is told of the link that it was made for."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from traitlets import TraitError

from jhub_gateway.linked_spawner import VARIABLE, LinkedSpawner, make_link_text
from jhub_gateway.local import LocalGatewaySpawner
from jhub_gateway.models import Link
from jhub_gateway.notebook import link as read_link
from jhub_gateway.notebook.links import VARIABLE as SERVERS_VARIABLE
from jhub_gateway.spawner import GatewaySpawner
from tests.unit.data_servers import DataServer
from tests.unit.local.servers import make_user

LINK = Link("x.ipynb", run="$(JUPYTERHUB_API_TOKEN)", parameters={"sample": "${HOME} é"})


def test_both_sides_know_the_variable():
    assert VARIABLE == SERVERS_VARIABLE


def test_kubernetes_finds_no_variable_in_a_links_text():
    text = make_link_text(LINK)
    assert "$" not in text
    assert read_link({VARIABLE: text}) == {
        "notebook": "x.ipynb",
        "run": LINK.run,
        "parameters": dict(LINK.parameters),
    }


def test_without_a_link_there_is_nothing():
    assert read_link({}) == read_link({VARIABLE: ""}) == {}


@pytest.mark.parametrize("cls", [GatewaySpawner, LocalGatewaySpawner])
def test_both_kinds_of_server_can_be_a_links(cls):
    assert issubclass(cls, LinkedSpawner)


class LinkedServer(LinkedSpawner, DataServer):
    """One that can be a link's."""


def make_server(*groups: str, usage: Path | None = None, **traits) -> LinkedServer:
    server = LinkedServer(
        user=make_user("ada", *groups),
        authenticator=SimpleNamespace(gives_subject=False),
        orm_spawner=SimpleNamespace(name="", server=None, user_options={}),
        **traits,
    )
    server.usage = usage
    return server


def test_a_server_keeps_its_link_when_it_has_stopped():
    server = make_server()
    server.link = LINK
    server.clear_state()
    state = json.loads(json.dumps(server.get_state()))
    assert state["link"] == asdict(LINK)
    later = make_server()
    later.load_state(state)
    assert later.link == LINK
    later.load_state({})
    assert later.link is None


async def test_data_that_were_measured_count_as_those_whose_size_was_said(tmp_path):
    place = tmp_path / "datasets" / "climate"
    place.mkdir(parents=True)
    record = {"used": 2 * 1024**3, "measured_at": datetime.now(UTC).isoformat(), "limit": None}
    (place / "usage.json").write_text(json.dumps(record))
    server = make_server(
        usage=tmp_path,
        datasets=[{"name": "climate"}],
        memory_profiles=[
            {"slug": "small", "display_name": "Small", "memory": "1G"},
            {"slug": "large", "display_name": "Large", "memory": "5G"},
        ],
        link_memory_factor=2.5,
    )
    plan = await server.plan_link(Link("x.ipynb", dataset="climate"))
    assert (plan.profile.slug, plan.dataset.size) == ("large", 2 * 1024**3)


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_a_factor_is_above_zero(factor):
    with pytest.raises(TraitError, match="must be above 0"):
        make_server(link_memory_factor=factor)

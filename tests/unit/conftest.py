"""What several unit tests start from."""

import pytest
from jupyterhub import orm

from jhub_gateway.local.process_spawner import ProcessGatewaySpawner
from jhub_gateway.memory_ledger import MemoryLedger
from tests.unit.credential_helpers import use_key


@pytest.fixture
def database(tmp_path) -> str:
    """The address of an empty database, which the hub's key encrypts in."""
    use_key()
    return f"sqlite:///{tmp_path}/hub.sqlite"


@pytest.fixture
def ledger(database, monkeypatch):
    """Where servers on one machine are counted: in the empty database."""
    session = orm.new_session_factory(database)()
    ledger = MemoryLedger(session)
    monkeypatch.setattr(ProcessGatewaySpawner, "ledger", ledger)
    yield ledger
    session.close()

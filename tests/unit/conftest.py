"""What several unit tests start from."""

import pytest

from tests.unit.credential_helpers import use_key


@pytest.fixture
def database(tmp_path) -> str:
    """The address of an empty database, which the hub's key encrypts in."""
    use_key()
    return f"sqlite:///{tmp_path}/hub.sqlite"

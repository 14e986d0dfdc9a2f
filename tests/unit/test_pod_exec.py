"""What becomes of a command in a pod."""

import json

import pytest
from kubernetes_asyncio.client import Configuration

from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.pod_exec import _read_status, run_in_pod
from tests.unit.api_server import no_api_server

_FAILED = {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "2"}]}}
_LOST = {"status": "Failure", "reason": "InternalError", "message": "container is gone"}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (json.dumps({"status": "Success"}), 0),
        (json.dumps(_FAILED), 2),
        (json.dumps(_LOST), -1),
        ("", -1),  # the connection ended before
        ("[]", -1),
    ],
)
def test_the_exit_status_is_told_apart_from_a_lost_connection(text, status):
    assert _read_status(text) == status


async def test_a_pod_that_can_not_be_asked_is_named():
    refused = pytest.raises(UpgradeError, match=r"the pod hub-1 can't be asked: .*rights to create")
    with no_api_server(), refused:
        await run_in_pod(Configuration.get_default_copy(), "gateway", "hub-1", "hub", ["true"])

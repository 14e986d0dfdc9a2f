"""A real WES server with a real CWL engine, behind the proxy that wants the provider's token."""

import json
import time
from collections.abc import Callable

import pytest
import requests

from tests.fixtures.gateway_client import exchange, log_in
from tests.fixtures.identity_provider import IdentityProvider
from tests.fixtures.protected_proxy import ProtectedProxy
from tests.fixtures.protected_service import MISSING, VALID, WRONG_AUDIENCE
from tests.fixtures.wes_server import API

WORKFLOW = """
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [python3, -c]
arguments:
  - position: 0
    valueFrom: "import sys; print(sum(map(int, open(sys.argv[1]))) // int(sys.argv[2]))"
inputs:
  data: {type: File, inputBinding: {position: 1}}
  by: {type: int, inputBinding: {position: 2}}
stdout: sum.txt
outputs:
  sum: stdout
  text:
    type: string
    outputBinding: {glob: sum.txt, loadContents: true, outputEval: "$(self[0].contents)"}
"""


@pytest.fixture(scope="module")
def provider(make_identity_provider) -> IdentityProvider:
    return make_identity_provider(exchange_audiences=["wes", "tes"])


@pytest.fixture
def wes(provider, make_wes_server, make_protected_proxy) -> ProtectedProxy:
    return make_protected_proxy(provider, make_wes_server().url, audience="wes")


@pytest.fixture
def make_token(provider) -> Callable[[str], str]:
    """Ada's token for a service, by exchange, as the hub has it."""
    login = log_in(provider, provider.accounts["ada"])["access_token"]
    return lambda audience: exchange(provider, login, audience=audience).json()["access_token"]


class Client:
    """What a notebook does; each answer must be good."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}{API}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def submit(self, workflow: str, **parameters: object) -> str:
        files = [
            ("workflow_attachment", ("sum.cwl", workflow)),
            ("workflow_attachment", ("data.txt", "20\n22\n")),
        ]
        form = {
            "workflow_url": "sum.cwl",
            "workflow_type": "CWL",
            "workflow_type_version": "v1.2",
            "workflow_params": json.dumps(parameters),
        }
        answer = requests.post(
            f"{self.url}/runs", files=files, data=form, headers=self.headers, timeout=30
        )
        answer.raise_for_status()
        return answer.json()["run_id"]

    def get(self, path: str) -> dict:
        answer = requests.get(f"{self.url}{path}", headers=self.headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def wait(self, run: str, seconds: float = 120) -> dict:
        """The run's log, once it has ended."""
        deadline = time.monotonic() + seconds
        while self.get(f"/runs/{run}/status")["state"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        return self.get(f"/runs/{run}")


def test_a_workflow_of_uploaded_files_runs_and_its_outputs_come_back(wes, make_token):
    client = Client(wes.url, make_token("wes"))
    assert "CWL" in client.get("/service-info")["workflow_type_versions"]
    data = {"class": "File", "location": "data.txt"}
    good = client.submit(WORKFLOW, data=data, by=2)
    bad = client.submit(WORKFLOW, data=data, by=0)

    log = client.wait(good)
    assert log["state"] == "COMPLETE"
    assert log["outputs"]["text"] == "21\n"
    assert log["run_log"]["exit_code"] == 0
    log = client.wait(bad)
    assert log["state"] == "EXECUTOR_ERROR"
    assert "ZeroDivisionError" in log["run_log"]["stderr"]
    assert log["outputs"] == {}
    assert {run["run_id"] for run in client.get("/runs")["workflows"]} == {good, bad}
    # All by ada's token for this service.
    assert set(wes.count_outcomes()) == {VALID}
    assert len({request.sub for request in wes.requests}) == 1


def test_only_a_token_for_this_service_gets_through(provider, make_protected_proxy, make_token):
    # Nothing is behind it: what got through would be answered by 502.
    wes = make_protected_proxy(provider, "http://127.0.0.1:9", audience="wes")

    def ask(**headers: str) -> tuple[int, str]:
        answer = requests.post(f"{wes.url}{API}/runs", b"x", headers=headers, timeout=10)
        return answer.status_code, wes.requests[-1].outcome

    assert ask() == (401, MISSING)
    assert ask(Authorization=f"Bearer {make_token('tes')}") == (401, WRONG_AUDIENCE)
    assert ask(Authorization=f"Bearer {make_token('wes')}") == (502, VALID)

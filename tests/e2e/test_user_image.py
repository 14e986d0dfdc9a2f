"""The user image without a hub, as Binder has it: JupyterLab, and the tutorials."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.cluster.versions import USER_IMAGE
from tests.fixtures.cluster import Namespace, make_namespace

TUTORIALS = "tutorials/gateway-1"
NAMES = [
    *("00-welcome", "10-tes", "11-wes", "20-arvados", "21-dataverse", "22-jatos", "23-ftp"),
    *("30-memory", "31-credentials"),
]
TOKEN = "tests"
WITHOUT = "This is no server of a gateway, so there are no credentials here."
# What repo2docker's convention hands to the image's entry point.
COMMAND = ["jupyter", "lab", "--ip=0.0.0.0", f"--IdentityProvider.token={TOKEN}"]
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
ASK = """
import sys
from urllib.request import urlopen
print(urlopen(f"http://127.0.0.1:8888/{sys.argv[1]}?token=tests", timeout=30).read().decode())
"""


@pytest.fixture(scope="module")
def space(cluster_with_node) -> Iterator[Namespace]:
    """A namespace with the pod `lab`, which runs JupyterLab in 1 GiB and knows of no hub."""
    container = {
        "name": "lab",
        "image": USER_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": COMMAND,
        "securityContext": RESTRICTED,
        "resources": {"limits": {"memory": "1Gi"}},
        "readinessProbe": {"httpGet": {"path": "/api", "port": 8888}, "periodSeconds": 1},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lab"},
        "spec": {
            "containers": [container],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        },
    }
    with make_namespace(cluster_with_node) as made:
        made.kubectl("create", "-f", "-", manifest=pod)
        made.kubectl("wait", "pod/lab", "--for=condition=Ready", "--timeout=120s")
        yield made


def run(space: Namespace, *command: str) -> str:
    """Run a command in the pod; return what it printed. Raises ClusterError if it fails."""
    return space.kubectl("exec", "lab", "--", *command)


def ask(space: Namespace, path: str) -> str:
    """Return what the pod's JupyterLab answers to a GET."""
    return run(space, "python3", "-c", ASK, path)


def read_outputs(space: Namespace, name: str) -> list[dict]:
    """Return all outputs of a notebook that was run in place."""
    book = json.loads(run(space, "cat", f"{TUTORIALS}/{name}.ipynb"))
    return [output for cell in book["cells"] for output in cell.get("outputs", ())]


def test_jupyterlab_opens_with_the_tutorials_in_its_directory(space):
    listed = json.loads(ask(space, f"api/contents/{TUTORIALS}"))["content"]
    assert {f"{name}.ipynb" for name in NAMES} <= {entry["name"] for entry in listed}
    assert all(entry["writable"] for entry in listed)
    assert "JupyterLab" in ask(space, f"lab/tree/{TUTORIALS}/00-welcome.ipynb")


def test_it_shows_what_memory_is_used(space):
    measured = json.loads(ask(space, "api/metrics/v1"))
    assert measured["rss"] > 0


WITH_PLOTS = ("00-welcome", "10-tes", "11-wes", "20-arvados", "23-ftp")


@pytest.mark.parametrize("name", NAMES)
def test_each_tutorial_runs_from_top_to_bottom_and_says_that_it_is_without(space, name):
    run(space, "sh", "-c", f"cd {TUTORIALS} && jupyter execute --inplace {name}.ipynb 2>&1")
    outputs = read_outputs(space, name)
    assert [one for one in outputs if one["output_type"] == "error"] == []
    text = json.dumps(outputs)
    assert WITHOUT in text or name in ("00-welcome", "30-memory")
    if name in WITH_PLOTS:
        assert any("image/png" in one.get("data", ()) for one in outputs)
    if name == "30-memory":
        # The program at the limit is stopped, and the notebook is not.
        assert re.search(r"Stopped with \d+ MiB: there is no more\.", text)


def test_the_clients_of_all_systems_are_there(space):
    clients = "tes, arvados, arvados.collection, pyDataverse.api, easyDataverse, requests, httpx"
    run(space, "python3", "-c", f"import {clients}, numpy, scipy.stats, pandas, matplotlib.pyplot")

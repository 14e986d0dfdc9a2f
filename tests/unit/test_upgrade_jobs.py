"""The Jobs of an upgrade: what they take from the hub's own pod, and what not."""

from copy import deepcopy
from typing import Any

import pytest

from jhub_gateway.upgrade.jobs import (
    find_config_file,
    find_hub_container,
    make_hub_job,
    make_share_job,
)
from jhub_gateway.upgrade.models import Wanted

WANTED = Wanted("hub:0.3.0", "gateway-homes", "jupyterhub", 1000, 1000)
CONFIG = "/usr/local/etc/jupyterhub/jupyterhub_config.py"
# As the chart's template makes it.
HUB: dict[str, Any] = {
    "spec": {
        "template": {
            "metadata": {"labels": {"component": "hub"}, "annotations": {"checksum/secret": "1"}},
            "spec": {
                "serviceAccountName": "hub",
                "securityContext": {"fsGroup": 1000},
                "imagePullSecrets": [{"name": "registry"}],
                "tolerations": [{"key": "hub.jupyter.org/dedicated"}],
                "volumes": [
                    {"name": "pvc", "persistentVolumeClaim": {"claimName": "hub-db-dir"}},
                ],
                "containers": [
                    {
                        "name": "hub",
                        "image": "hub:0.2.0",
                        "args": ["jupyterhub", "--config", CONFIG, "--upgrade-db"],
                        "env": [{"name": "PGPASSWORD", "valueFrom": {}}],
                        "ports": [{"containerPort": 8081}],
                        "livenessProbe": {},
                        "volumeMounts": [{"name": "pvc", "mountPath": "/srv/jupyterhub"}],
                        "securityContext": {"runAsUser": 1000},
                    },
                    {"name": "sidecar", "image": "other"},
                ],
            },
        }
    }
}


def get_pod(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["spec"]


def test_the_hubs_job_reaches_the_database_as_the_hub_does():
    before = deepcopy(HUB)
    job = make_hub_job(HUB, WANTED, "back-up", ["backup"], "gateway-homes")
    assert before == HUB
    pod = get_pod(job)
    [container] = pod["containers"]
    hub = find_hub_container(HUB)
    assert container["env"] == hub["env"]
    assert container["securityContext"] == hub["securityContext"]
    assert hub["volumeMounts"][0] in container["volumeMounts"]
    assert pod["serviceAccountName"] == "hub"
    # NetworkPolicies let these labels through to the database.
    assert job["spec"]["template"]["metadata"]["labels"] == {"component": "hub"}


def test_the_hubs_job_is_no_hub():
    pod = get_pod(make_hub_job(HUB, WANTED, "back-up", ["backup"], "gateway-homes"))
    [container] = pod["containers"]
    assert container["image"] == "hub:0.3.0"
    assert container["command"] == ["backup"]
    assert not {"args", "ports", "livenessProbe"} & container.keys()
    # The hub's Service sends nothing to a pod that never gets ready.
    assert pod["readinessGates"] == [{"conditionType": "jhub-gateway/is-no-hub"}]
    assert pod["restartPolicy"] == "Never"


def test_backups_go_to_the_claim():
    pod = get_pod(make_hub_job(HUB, WANTED, "back-up", ["backup"], "gateway-homes"))
    assert pod["volumes"][1] == {
        "name": "gateway-backups",
        "persistentVolumeClaim": {"claimName": "gateway-homes"},
    }
    assert pod["containers"][0]["volumeMounts"][1] == {
        "name": "gateway-backups",
        "mountPath": "/gateway-share",
    }
    # Else kubelet looks at every file in all homes.
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


def test_a_claim_that_the_hub_reads_is_one_volume_and_written_to():
    hub = deepcopy(HUB)
    claim = {"claimName": "gateway-homes", "readOnly": True}
    volumes = hub["spec"]["template"]["spec"]["volumes"]
    volumes.append({"name": "gateway-share", "persistentVolumeClaim": claim})
    pod = get_pod(make_hub_job(hub, WANTED, "back-up", ["backup"], "gateway-homes"))
    assert pod["volumes"][1:] == [
        {"name": "gateway-share", "persistentVolumeClaim": {"claimName": "gateway-homes"}}
    ]
    assert pod["containers"][0]["volumeMounts"][1]["name"] == "gateway-share"


def test_the_shares_job_has_the_share_and_no_secrets():
    pod = get_pod(make_share_job(HUB, WANTED, "check", ["look"]))
    [container] = pod["containers"]
    assert "env" not in container
    assert pod["automountServiceAccountToken"] is False
    assert [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]] == [WANTED.claim]
    assert pod["securityContext"]["runAsUser"] == WANTED.uid
    # It runs where the hub can, and its image is pulled as the hub's is.
    assert pod["tolerations"] == [{"key": "hub.jupyter.org/dedicated"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["jupyterhub", "--config", CONFIG], CONFIG),
        (["jupyterhub", "-f", "/etc/hub.py"], "/etc/hub.py"),
        (["jupyterhub", "--config=/etc/hub.py", "--debug"], "/etc/hub.py"),
        (["jupyterhub"], "/default"),
        ([], "/default"),
    ],
)
def test_the_hubs_configuration_file_is_found(words, file):
    hub = deepcopy(HUB)
    find_hub_container(hub)["args"] = words
    assert find_config_file(hub, "/default") == file

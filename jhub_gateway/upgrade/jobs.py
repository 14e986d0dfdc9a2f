"""The Jobs of an upgrade, each a pod of the new image. Pure."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import zip_longest
from typing import Any

from jhub_gateway.upgrade.models import Wanted

Manifest = dict[str, Any]

CONTAINER = "hub"
SHARE = "/gateway-share"
_VOLUME = "gateway-share"
_KEPT_SECONDS = 86400  # its log can be read for a day
# What makes a hub of a pod: its ports, and that it is asked for its health.
_HUBS_OWN = ("args", "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
# A pod with this condition, which nobody ever sets, gets no requests of the hub's Service.
_NEVER_READY = "jhub-gateway/is-no-hub"


def find_hub_container(hub: Manifest) -> Manifest:
    """Return the container of the Deployment in which the hub runs."""
    containers = hub["spec"]["template"]["spec"]["containers"]
    found = (one for one in containers if one["name"] == CONTAINER)
    container: Manifest = next(found, containers[0])
    return container


def find_config_file(hub: Manifest, default: str) -> str:
    """Return the configuration file that the Deployment names to the hub."""
    container = find_hub_container(hub)
    words = [*container.get("command", ()), *container.get("args", ())]
    for word, following in zip_longest(words, words[1:]):
        if word in ("-f", "--config"):
            return str(following)
        if word.startswith("--config="):
            return str(word.removeprefix("--config="))
    return default


def make_hub_job(
    hub: Manifest, wanted: Wanted, name: str, command: Sequence[str], backup_claim: str
) -> Manifest:
    """Return a Job in the hub's own pod, with its settings, volumes and rights to its database.

    The claim for backups is mounted in it, too. Sidecars are left out: they would not end.
    """
    template = deepcopy(hub["spec"]["template"])
    spec, container = template["spec"], deepcopy(find_hub_container(hub))
    for key in _HUBS_OWN:
        container.pop(key, None)
    container |= {"image": wanted.image, "command": list(command)}
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    mounts = container.get("volumeMounts", [])
    volumes = spec.get("volumes", [])
    volume = _provide_volume(volumes, backup_claim)
    container["volumeMounts"] = [*mounts, {"name": volume, "mountPath": SHARE}]
    context = spec.get("securityContext") or {}
    if "fsGroup" in context:
        # Else kubelet looks at every file of the share.
        context = context | {"fsGroupChangePolicy": "OnRootMismatch"}
    spec |= {
        "containers": [container],
        "volumes": volumes,
        "securityContext": context,
        "restartPolicy": "Never",
        "readinessGates": [{"conditionType": _NEVER_READY}],
    }
    metadata = {key: template["metadata"].get(key, {}) for key in ("labels", "annotations")}
    return _make_job(name, {"metadata": metadata, "spec": spec})


def make_share_job(hub: Manifest, wanted: Wanted, name: str, command: Sequence[str]) -> Manifest:
    """Return a Job that has the share and nothing of the hub's, as storage-init.yaml has it."""
    template = hub["spec"]["template"]["spec"]
    placed = {
        key: template[key]
        for key in ("imagePullSecrets", "nodeSelector", "tolerations")
        if key in template
    }
    container = {
        "name": "share",
        "image": wanted.image,
        "command": list(command),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "volumeMounts": [{"name": _VOLUME, "mountPath": SHARE}],
    }
    spec = placed | {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": wanted.uid,
            "runAsGroup": wanted.gid,
            "fsGroup": wanted.gid,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [_make_volume(_VOLUME, wanted.claim)],
    }
    return _make_job(name, {"spec": spec})


def _make_job(name: str, template: Manifest) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"jhub-gateway-upgrade-{name}"},
        # What fails is told at once; the operator repeats it.
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": template,
        },
    }


def _provide_volume(volumes: list[Manifest], claim: str) -> str:
    """Return the name of the claim's volume, which is made writable, or added.

    A claim is one volume of a pod: kubelet waits for ever for a second one of it.
    """
    for volume in volumes:
        source = volume.get("persistentVolumeClaim") or {}
        if source.get("claimName") == claim:
            source.pop("readOnly", None)
            return str(volume["name"])
    volumes.append(_make_volume("gateway-backups", claim))
    return "gateway-backups"


def _make_volume(name: str, claim: str) -> Manifest:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}

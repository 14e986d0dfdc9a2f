"""What of the shared storage a user's pod mounts, and where."""

import hashlib
from collections.abc import Iterable
from typing import Any

from jhub_gateway.models import Dataset, GroupFolder
from jhub_gateway.policy.layout import DATASETS, GROUPS, HOMES, USAGE

Manifest = dict[str, Any]

SHARE = "gateway-share"
RUNTIME = "gateway-runtime"

# Not inside the home: there `rm -r` would reach a group's files, and the kubelet would make the
# mount points as root.
DATA_PATH = "/gateway"
USAGE_PATH = f"{DATA_PATH}/usage"
RUNTIME_PATH = "/run/jhub-gateway"


def make_volumes(claim: str, datasets: Iterable[Dataset]) -> list[Manifest]:
    """Return the pod's volumes: the share, the datasets' own claims, and a place for run files."""
    return [
        {"name": SHARE, "persistentVolumeClaim": {"claimName": claim}},
        # On the node, so that a full home doesn't keep Jupyter from starting.
        {"name": RUNTIME, "emptyDir": {"sizeLimit": "1Gi"}},
        *(
            {
                "name": name_claim_volume(other),
                "persistentVolumeClaim": {"claimName": other, "readOnly": True},
            }
            for other in sorted({dataset.claim for dataset in datasets if dataset.claim})
        ),
    ]


def name_claim_volume(claim: str) -> str:
    """Return the name of a dataset claim's volume; a claim's name can be longer than a volume's."""
    return f"gateway-data-{hashlib.sha256(claim.encode()).hexdigest()[:16]}"


def make_mounts(
    directory: str, home_path: str, folders: Iterable[GroupFolder], datasets: Iterable[Dataset]
) -> list[Manifest]:
    """Return the mounts of the user's container; ``directory`` is their home's name."""
    return [
        {"name": SHARE, "mountPath": home_path, "subPath": f"{HOMES}/{directory}"},
        {
            "name": SHARE,
            "mountPath": USAGE_PATH,
            "subPath": f"{USAGE}/{HOMES}/{directory}",
            "readOnly": True,
        },
        {"name": RUNTIME, "mountPath": RUNTIME_PATH},
        *map(_make_folder_mount, folders),
        *map(_make_dataset_mount, datasets),
    ]


def _make_folder_mount(folder: GroupFolder) -> Manifest:
    return {
        "name": SHARE,
        "mountPath": f"{DATA_PATH}/{GROUPS}/{folder.folder}",
        "subPath": f"{GROUPS}/{folder.folder}",
        "readOnly": folder.read_only,
    }


def _make_dataset_mount(dataset: Dataset) -> Manifest:
    mount = {
        "name": name_claim_volume(dataset.claim) if dataset.claim else SHARE,
        "mountPath": f"{DATA_PATH}/{DATASETS}/{dataset.name}",
        "readOnly": True,
    }
    sub_path = dataset.sub_path if dataset.claim else f"{DATASETS}/{dataset.sub_path}"
    return {**mount, "subPath": sub_path} if sub_path else mount

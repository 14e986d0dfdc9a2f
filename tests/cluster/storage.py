"""ReadWriteMany storage: a directory of this machine that many pods mount at once."""

import os
from pathlib import Path
from typing import Any

from .paths import STORAGE

OWNER = 1000
"""User and group of user pods, and so of the root of a claim."""


def make_shared_directory(name: str, path: Path | None = None) -> Path:
    """Make the directory behind a claim, for user 1000: `path`, or one named after `name`.

    Only root can give a directory away. Without root the directory stays with whoever runs
    this, which is enough where no pod runs.
    """
    directory = path or STORAGE / name
    directory.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(directory, OWNER, OWNER)
    return directory


def make_shared_claim_manifests(
    name: str, namespace: str, path: Path | str, size: str = "10Gi"
) -> list[dict[str, Any]]:
    """A PersistentVolume on the directory `path` and the claim in `namespace` that owns it.

    The volume is reserved for the claim. It outlives the claim and the namespace: delete it too.
    """
    volume = f"{namespace}-{name}"
    common = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **common,
                "capacity": {"storage": size},
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": namespace, "name": name},
                "hostPath": {"path": str(path), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                **common,
                "volumeName": volume,
                "resources": {"requests": {"storage": size}},
            },
        },
    ]

"""Makes a volume for each claim of a namespace, as a cluster's storage does. Prints a line first.

Takes the namespace; KUBECONFIG names an administrator's file. The volumes hold nothing: no pod of
a fake node reads one.
"""

import asyncio
import sys
from http import HTTPStatus

from kubernetes_asyncio import client, config, watch

from benchmarks.storm.variants import STORAGE_CLASS

LABEL = "jhub-gateway.test/storm"
PROVISIONER = "jhub-gateway.test/storm"


def make_storage_class() -> dict[str, object]:
    """A class whose claims are bound as soon as they are made."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": PROVISIONER,
        "volumeBindingMode": "Immediate",
    }


def make_volume(claim: client.V1PersistentVolumeClaim) -> dict[str, object]:
    """The volume for a claim, and for no other."""
    owner = claim.metadata
    return {
        "metadata": {
            "name": f"storm-{owner.uid}",
            "labels": {LABEL: owner.namespace},
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "accessModes": claim.spec.access_modes,
            "capacity": claim.spec.resources.requests,
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": owner.namespace,
                "name": owner.name,
                "uid": owner.uid,
            },
            "hostPath": {"path": f"/nonexistent/{owner.name}"},
        },
    }


async def provision(namespace: str) -> None:
    """Make volumes until the process is ended."""
    await config.load_kube_config()
    async with client.ApiClient() as connection:
        api = client.CoreV1Api(connection)
        print("ready", flush=True)
        while True:
            claims = watch.Watch().stream(
                api.list_namespaced_persistent_volume_claim, namespace, timeout_seconds=600
            )
            async for event in claims:
                claim = event["object"]
                is_ours = claim.spec.storage_class_name == STORAGE_CLASS
                if event["type"] == "ADDED" and is_ours and not claim.spec.volume_name:
                    await _create(api, make_volume(claim))


async def _create(api: client.CoreV1Api, volume: dict[str, object]) -> None:
    try:
        await api.create_persistent_volume(volume)
    except client.ApiException as refusal:
        # A watch that begins anew tells again of claims that are not bound yet.
        if refusal.status != HTTPStatus.CONFLICT:
            raise


if __name__ == "__main__":
    asyncio.run(provision(sys.argv[1]))

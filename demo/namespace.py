"""What the demo makes on a cluster before the hub starts, and removes after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import yaml
from aiohttp import ClientError
from kubernetes_asyncio.client import ApiException, BatchV1Api, CoreV1Api
from kubernetes_asyncio.config import ConfigException, new_client_from_config

from demo.cluster import CLAIM, NAMESPACE, Cluster
from demo.errors import DemoError
from demo.paths import ROOT

REQUEST_SECONDS = 20
# An image may have to be pulled.
INIT_SECONDS = 180

_NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": NAMESPACE,
        # User pods meet the strictest of Kubernetes' standards, so the namespace asks for it.
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    },
}
_USER_PODS = "component=singleuser-server"


def prepare_cluster(cluster: Cluster) -> None:
    """Make the namespace and the shared claim, unless they are there, and prepare the claim.

    Raises DemoError when the cluster does not answer or does not allow it.
    """
    asyncio.run(_prepare(cluster))
    asyncio.run(_init_share(cluster))


def remove_pods(cluster: Cluster) -> None:
    """Remove user pods that the hub has left behind. The claim and its data stay.

    Raises DemoError when the cluster does not answer or does not allow it.
    """
    asyncio.run(_remove_pods(cluster))


async def _prepare(cluster: Cluster) -> None:
    async with _connect(cluster) as core:
        await _create(core.create_namespace(_NAMESPACE))
        for manifest in cluster.storage:
            if manifest["kind"] == "PersistentVolume":
                await _create(core.create_persistent_volume(manifest))
            else:
                await _create(core.create_namespaced_persistent_volume_claim(NAMESPACE, manifest))


async def _init_share(cluster: Cluster) -> None:
    """Run storage-init.yaml of beside-chart, as an operator does."""
    manifest = ROOT / "helm-values/manifests/beside-chart/storage-init.yaml"
    job = yaml.safe_load(manifest.read_text())
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    pod["containers"][0] |= {"image": cluster.init_image, "imagePullPolicy": "IfNotPresent"}
    pod["volumes"][0]["persistentVolumeClaim"]["claimName"] = CLAIM
    async with _connect(cluster, INIT_SECONDS) as core:
        jobs = BatchV1Api(core.api_client)
        await _delete_job(jobs, name)
        await jobs.create_namespaced_job(NAMESPACE, job)
        while not (status := (await jobs.read_namespaced_job(name, NAMESPACE)).status).succeeded:
            if status.failed:
                raise DemoError(
                    "the shared claim could not be prepared; see "
                    f"kubectl --namespace {NAMESPACE} logs job/{name}"
                )
            await asyncio.sleep(0.5)


async def _delete_job(jobs: BatchV1Api, name: str) -> None:
    """Remove the one of the demo's last start, and wait until it is gone."""
    try:
        await jobs.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")
        while True:
            await jobs.read_namespaced_job(name, NAMESPACE)
            await asyncio.sleep(0.2)
    except ApiException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


async def _remove_pods(cluster: Cluster) -> None:
    async with _connect(cluster) as core:
        await core.delete_collection_namespaced_pod(NAMESPACE, label_selector=_USER_PODS)


async def _create(request: Awaitable[Any]) -> None:
    try:
        await request
    except ApiException as error:
        if error.status != HTTPStatus.CONFLICT:
            raise


@asynccontextmanager
async def _connect(cluster: Cluster, seconds: float = REQUEST_SECONDS) -> AsyncIterator[CoreV1Api]:
    try:
        async with (
            asyncio.timeout(seconds),
            await new_client_from_config(cluster.kubeconfig) as client,
        ):
            yield CoreV1Api(client)
    except ApiException as error:
        raise DemoError(f"the cluster refuses what the demo needs: {error.reason}.") from error
    except (ClientError, ConfigException, OSError) as error:
        raise DemoError(
            f"the cluster of {cluster.kubeconfig} does not answer ({error}): is it running?"
        ) from error

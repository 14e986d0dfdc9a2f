"""What the demo makes on a cluster before the hub starts, and removes after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import ClientError
from kubernetes_asyncio.client import ApiException, CoreV1Api
from kubernetes_asyncio.config import ConfigException, new_client_from_config

from demo.cluster import NAMESPACE, Cluster
from demo.errors import DemoError

REQUEST_SECONDS = 20

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
    """Make the namespace and the shared claim, unless they are there.

    Raises DemoError when the cluster does not answer or does not allow it.
    """
    asyncio.run(_prepare(cluster))


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
async def _connect(cluster: Cluster) -> AsyncIterator[CoreV1Api]:
    try:
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            await new_client_from_config(cluster.kubeconfig) as client,
        ):
            yield CoreV1Api(client)
    except ApiException as error:
        raise DemoError(f"the cluster refuses what the demo needs: {error.reason}.") from error
    except (ClientError, ConfigException, OSError) as error:
        raise DemoError(
            f"the cluster of {cluster.kubeconfig} does not answer ({error}): is it running?"
        ) from error

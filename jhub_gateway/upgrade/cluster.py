"""The namespace of a hub, as its operator may read and change it."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from jhub_gateway.clients.kube import KubeUnavailable
from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.clients.pod_lists import list_pod_metadata
from jhub_gateway.policy.labels import HUB
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.job_runs import remove_job, run_job
from jhub_gateway.upgrade.jobs import find_hub_container
from jhub_gateway.upgrade.kube_api import KubeApi
from jhub_gateway.upgrade.models import UserPod
from jhub_gateway.upgrade.pod_exec import Ran, run_in_pod
from jhub_gateway.upgrade.record import NAME, Record, make_config_map

HUB_NAME = "hub"  # the Deployment's
_SHARE_JOB = "gateway-storage-init"  # of helm-values/manifests/beside-chart
_GRACE_SECONDS = 30
# Pods of Jobs have the hub's labels, and are none.
_NO_JOB = "!batch.kubernetes.io/job-name"
_SERVERS = "component=singleuser-server"


class Cluster(KubeApi):
    """What an upgrade asks of Kubernetes in ``namespace``; users' pods may be in another one.

    Each method raises UpgradeError where the API server does not answer, or refuses.
    """

    def __init__(self, client: Any, namespace: str, pods_namespace: str = "") -> None:
        super().__init__(client)
        self.namespace = namespace
        self.pods_namespace = pods_namespace or namespace

    async def read_hub(self) -> Manifest:
        """Return the hub's Deployment."""
        found = await self.find(f"{self._apps}/deployments/{HUB_NAME}")
        if found is None:
            raise UpgradeError(
                f"there is no Deployment {HUB_NAME} in the namespace {self.namespace}: name the "
                "hub's with --namespace, and the cluster with --kubeconfig or --context"
            )
        return found

    async def scale_hub(self, replicas: int) -> None:
        """Set how many pods the Deployment has."""
        path = f"{self._apps}/deployments/{HUB_NAME}/scale"
        scale = await self.ask("GET", path)
        if (scale["spec"].get("replicas") or 0) != replicas:
            # Without its version: whatever else has changed since, this is to be so.
            del scale["metadata"]["resourceVersion"]
            await self.ask("PUT", path, scale | {"spec": {"replicas": replicas}})

    async def list_hub_pods(self) -> list[Manifest]:
        """Return the hub's pods, those included that are about to end."""
        selector = (await self.read_hub())["spec"]["selector"].get("matchLabels", {})
        labels = ",".join([*(f"{key}={value}" for key, value in selector.items()), _NO_JOB])
        path = f"{self._core}/pods"
        pods = (await self.ask("GET", path, query={"labelSelector": labels}))["items"]
        return [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]

    async def run_in_hub(self, command: Sequence[str]) -> Ran | None:
        """Run a command in the hub's container; None where no hub runs."""
        running = [
            pod
            for pod in await self.list_hub_pods()
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
        ]
        if not running:
            return None
        newest = max(running, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        name = newest["metadata"]["name"]
        container = find_hub_container(await self.read_hub())["name"]
        return await run_in_pod(self.client.configuration, self.namespace, name, container, command)

    async def list_user_pods(self, hub_name: str) -> tuple[UserPod, ...]:
        """Return the servers of the hub that run."""
        found = await self._list_servers(hub_name, "status.phase=Running")
        return _make_user_pods(one for one in found if "deletionTimestamp" not in one)

    async def list_all_user_pods(self, hub_name: str) -> tuple[UserPod, ...]:
        """Return the servers that may write to the share, now or soon.

        Those that are about to start or to end are among them.
        """
        fields = "status.phase!=Succeeded,status.phase!=Failed"
        return _make_user_pods(await self._list_servers(hub_name, fields))

    async def delete_user_pod(self, pod: UserPod) -> None:
        """Have the pod end, if it is still the same one."""
        options = {"gracePeriodSeconds": _GRACE_SECONDS, "preconditions": {"uid": pod.uid}}
        path = f"/api/v1/namespaces/{self.pods_namespace}/pods/{pod.name}"
        gone = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        await self.ask("DELETE", path, options, accepted=gone)

    async def run_job(self, job: Manifest, namespace: str, seconds: float) -> str:
        """Run the Job in a namespace; return what it printed. Raises UpgradeError as it fails."""
        placed = job | {"metadata": job["metadata"] | {"namespace": namespace}}
        return await run_job(self, placed, seconds)

    async def remove_share_job(self) -> None:
        """Remove the Job of the manifests that prepared the share: nobody can change its image."""
        await remove_job(self, _SHARE_JOB, self.pods_namespace)

    async def _list_servers(self, hub_name: str, fields: str) -> list[Manifest]:
        selector = f"{_SERVERS},{HUB}={hub_name}"
        try:
            return await list_pod_metadata(self.client, self.pods_namespace, selector, fields)
        except KubeUnavailable as problem:
            raise UpgradeError(f"the servers can't be listed: {problem}") from None

    async def find_record(self) -> Manifest | None:
        """Return the ConfigMap that has the record of an upgrade; None without one."""
        return await self.find(f"{self._core}/configmaps/{NAME}")

    async def write_record(self, record: Record, found: Manifest | None) -> Manifest:
        """Write the record over the ConfigMap that was found; return the new one.

        Raises UpgradeError where somebody else has changed it since.
        """
        path, body = f"{self._core}/configmaps", make_config_map(record, found)
        if found is None:
            return await self.ask("POST", path, body)
        return await self.ask("PUT", f"{path}/{NAME}", body)

    async def remove_record(self) -> None:
        """Remove the record, if there is one."""
        path = f"{self._core}/configmaps/{NAME}"
        await self.ask("DELETE", path, accepted=(HTTPStatus.NOT_FOUND,))

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def _apps(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}"


def _make_user_pods(found: Iterable[Manifest]) -> tuple[UserPod, ...]:
    pods = (UserPod(one["name"], one["uid"]) for one in found)
    return tuple(sorted(pods, key=lambda pod: pod.name))

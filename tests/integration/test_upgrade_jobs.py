"""A Job of an upgrade at the real API server. What becomes of its pod is told: no pod runs."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from jhub_gateway.upgrade.cluster import Cluster
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.jobs import make_share_job
from jhub_gateway.upgrade.kubeconfig import open_client
from tests.fixtures.cluster import Namespace
from tests.integration.upgrade_site import WANTED

HUB = {"spec": {"template": {"spec": {"nodeSelector": {"jhub-gateway/nowhere": "true"}}}}}
JOB = make_share_job(HUB, WANTED, "check", ["true"])
NAME = "jhub-gateway-upgrade-check"


@pytest.fixture
async def cluster(namespace: Namespace) -> AsyncIterator[Cluster]:
    async with open_client(namespace.kubeconfig, None) as (client, _):
        yield Cluster(client, namespace.name)


async def end_pod(space: Namespace, phase: str, but: str = "") -> str:
    """Have the Job's pod, one with another UID than `but`, be in this phase; return its UID."""
    chosen = ("get", "pods", "-o", "json", "-l", f"batch.kubernetes.io/job-name={NAME}")
    while True:
        pods = json.loads(await asyncio.to_thread(space.kubectl, *chosen))["items"]
        if pods and pods[0]["metadata"]["uid"] != but:
            break
        await asyncio.sleep(0.1)
    pod = pods[0]["metadata"]
    status = json.dumps({"status": {"phase": phase}})
    words = ["patch", "pod", pod["name"], "--subresource=status", "--type=merge", "-p", status]
    await asyncio.to_thread(space.kubectl, *words)
    return str(pod["uid"])


async def run(cluster: Cluster, seconds: float = 30) -> str:
    async with asyncio.timeout(60):
        return await cluster.run_job(JOB, cluster.namespace, seconds)


async def test_a_job_is_made_anew_each_time(cluster: Cluster, namespace: Namespace):
    _, first = await asyncio.gather(run(cluster), end_pod(namespace, "Succeeded"))
    _, second = await asyncio.gather(run(cluster), end_pod(namespace, "Succeeded", but=first))
    assert first != second


async def test_a_job_that_fails_is_told(cluster: Cluster, namespace: Namespace):
    with pytest.raises(UpgradeError, match=f"the Job {NAME} has failed"):
        await asyncio.gather(run(cluster), end_pod(namespace, "Failed"))


async def test_a_job_whose_pod_can_not_run_says_why(cluster: Cluster):
    with pytest.raises(UpgradeError, match=r"has not ended in 3 s: .*node"):
        await run(cluster, 3)

"""A Job of an upgrade: made, waited for and read."""

from http import HTTPStatus

from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.policy.redaction import cut_log
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.kube_api import KubeApi
from jhub_gateway.upgrade.waiting import wait_until

_REMOVAL_SECONDS = 60


async def run_job(api: KubeApi, job: Manifest, seconds: float) -> str:
    """Run the Job in the place of an earlier one of its name; return what it printed.

    Raises UpgradeError with its last lines when it fails, or does not end in time.
    """
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    await remove_job(api, name, namespace)
    await api.ask("POST", path, job)

    async def find_end() -> str | None:
        return _find_end(await api.ask("GET", f"{path}/{name}"))

    end = await wait_until(find_end, seconds)
    pods = await _list_pods(api, namespace, name)
    log = await _read_log(api, pods)
    if end == "Complete":
        return log
    what = f"has not ended in {seconds:.0f} s" if end is None else "has failed"
    reason = cut_log(log) or next(filter(None, map(_find_reason, pods)), "it has no output")
    raise UpgradeError(
        f"the Job {name} {what}: {reason}\n"
        f"See `kubectl describe --namespace {namespace} job {name}`, and repeat the command"
    )


async def remove_job(api: KubeApi, name: str, namespace: str) -> None:
    """Remove a Job with its pods, if there is one; return once it is gone. Raises UpgradeError."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"
    options = {"propagationPolicy": "Foreground"}
    await api.ask("DELETE", path, options, accepted=(HTTPStatus.NOT_FOUND,))

    async def is_gone() -> bool | None:
        return True if await api.find(path) is None else None

    if not await wait_until(is_gone, _REMOVAL_SECONDS):
        raise UpgradeError(f"the Job {name} does not go away; delete it")


async def _list_pods(api: KubeApi, namespace: str, name: str) -> list[Manifest]:
    query = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}
    found = await api.ask("GET", f"/api/v1/namespaces/{namespace}/pods", query=query)
    pods: list[Manifest] = found["items"]
    return pods


async def _read_log(api: KubeApi, pods: list[Manifest]) -> str:
    for pod in pods:
        place = pod["metadata"]
        path = f"/api/v1/namespaces/{place['namespace']}/pods/{place['name']}/log"
        answer = await api.send("GET", path)
        if answer.is_fine:
            return str(answer.body.get("message", ""))
    return ""


def _find_end(job: Manifest) -> str | None:
    """Return "Complete" or "Failed"; None while it runs."""
    for condition in job.get("status", {}).get("conditions", ()):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            return str(condition["type"])
    return None


def _find_reason(pod: Manifest) -> str:
    """Return why the pod does not run; empty where that is not known."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message", ""))
    return ""

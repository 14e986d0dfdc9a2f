"""A hub's namespace at the real API server, where no pod runs: what a kubelet would do is told."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

from jhub_gateway.upgrade.cluster import Cluster
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.jobs import find_hub_container
from jhub_gateway.upgrade.models import Release, Wanted
from jhub_gateway.upgrade.pod_exec import Ran
from jhub_gateway.upgrade.steps import Patience, Settings
from tests.fixtures.cluster import Namespace

OLD, NEW = "registry.invalid/hub:0.2.0", "registry.invalid/hub:0.3.0"
WANTED = Wanted(NEW, "gateway-share", "jupyterhub", 1000, 1000)
PATIENCE = Patience(job=20, stop=10, start=20)
_CONTEXT = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
# No node has it: pods are what is told of them.
_NOWHERE = {"jhub-gateway/nowhere": "true"}


def make_release(version: str, layout: int = 2) -> Release:
    return Release(version, "5.5.0", layout, ("new", "old"))


class Site(Cluster):
    """A cluster whose Jobs and hub answer at once. ``jobs`` are those that were run, by name.

    ``fails`` is the name of the Job that fails, and ``layout`` the share's.
    """

    def __init__(self, client: Any, space: Namespace) -> None:
        super().__init__(client, space.name)
        self.space = space
        self.jobs: list[str] = []
        self.told: list[str] = []
        self.fails = ""
        self.layout = 2
        self.release = make_release("0.3.0")
        self.forgets: set[str] = set()

    async def run_job(self, job: Any, namespace: str, seconds: float) -> str:  # noqa: ARG002
        name = job["metadata"]["name"].removeprefix("jhub-gateway-upgrade-")
        # The API server takes it as it is, and its pod under the restricted standard.
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
        pod["spec"] = job["spec"]["template"]["spec"]
        both = {"apiVersion": "v1", "kind": "List", "items": [job, pod]}
        arguments = ("create", "--dry-run=server", "-f", "-")
        await asyncio.to_thread(self.space.kubectl, *arguments, manifest=both)
        self.jobs.append(name)
        if name == self.fails:
            raise UpgradeError(f"the Job {name} has failed")
        if name != "check":
            return "done"
        release = {"version": self.release.version, "jupyterhub": self.release.jupyterhub}
        release |= {"layout": self.release.layout, "revisions": self.release.revisions}
        return json.dumps({"release": release, "share": {"layout": self.layout}})

    async def run_in_hub(self, command: Sequence[str]) -> Ran | None:
        if not await self.list_hub_pods():
            return None
        if command[:2] == ["jhub-gateway", "announce"]:
            self.told.append(command[2])
            return Ran(0, "", "")
        image = find_hub_container(await self.read_hub())["image"]
        listed = [pod.name for pod in await self.list_user_pods("jupyterhub")]
        database = {"revision": "old", "servers": sorted(set(listed) - self.forgets)}
        release = {"version": image.rpartition(":")[2], "jupyterhub": "5.5.0", "layout": 2}
        release["revisions"] = ["new", "old"]
        return Ran(0, json.dumps({"release": release, "database": database}), "")

    async def install(self) -> int:
        """What the operator's command does: a new image, with the number of pods left as it is."""
        image = f"deployment/hub hub={NEW}".split()
        await asyncio.to_thread(self.space.kubectl, "set", "image", *image)
        return 0

    def make_settings(self, **changes: Any) -> Settings:
        return Settings(**{"start": self.install, "patience": PATIENCE} | changes)

    def get_replicas(self) -> int:
        return int(self.space.get("deployment", "hub")["spec"]["replicas"])

    def make_hub(self) -> None:
        """Make the hub's Deployment, as the chart does."""
        labels = {"app": "jupyterhub", "component": "hub"}
        chart = {"helm.sh/chart": "jupyterhub-4.4.0"}
        container = {"name": "hub", "image": OLD, "securityContext": _CONTAINER_CONTEXT}
        spec = {"containers": [container], "nodeSelector": _NOWHERE, "securityContext": _CONTEXT}
        template = {"metadata": {"labels": labels}, "spec": spec}
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "hub", "labels": chart},
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": template,
            },
        }
        self.space.kubectl("create", "-f", "-", manifest=manifest)

    async def wait_for_hub_pods(self, count: int) -> None:
        """Wait until the hub has so many pods, 0 or 1."""
        async with asyncio.timeout(30):
            while len(await self.list_hub_pods()) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    def make_server(self, name: str, phase: str = "Running") -> None:
        """Make a user's pod, which runs or is about to."""
        labels = {"component": "singleuser-server", "jhub-gateway/hub": "jupyterhub"}
        container = {"name": "notebook", "image": OLD, "securityContext": _CONTAINER_CONTEXT}
        spec = {"containers": [container], "nodeSelector": _NOWHERE, "securityContext": _CONTEXT}
        # Without a kubelet nobody would end it in its time of grace.
        spec["terminationGracePeriodSeconds"] = 0
        metadata = {"name": name, "labels": labels}
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.space.kubectl("create", "-f", "-", manifest=manifest)
        if phase == "Running":
            self.space.kubectl(*_make_run(name))

    @asynccontextmanager
    async def kubelet(self):
        """Have the hub's pods run and get ready, as long as this is open."""
        task = asyncio.create_task(self._run_pods())
        yield
        task.cancel()

    async def _run_pods(self) -> None:
        while True:
            for pod in await self.list_hub_pods():
                if pod["status"]["phase"] == "Pending":
                    words = _make_run(pod["metadata"]["name"])
                    await asyncio.to_thread(self.space.kubectl, *words, check=False)
            await asyncio.sleep(0.2)


def _make_run(pod: str) -> list[str]:
    ready = {"type": "Ready", "status": "True"}
    status = json.dumps({"status": {"phase": "Running", "conditions": [ready]}})
    return ["patch", "pod", pod, "--subresource=status", "--type=merge", "--patch", status]

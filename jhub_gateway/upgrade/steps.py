"""What each step of an upgrade does. Each may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.policy.redaction import cut_log
from jhub_gateway.upgrade import plan as names
from jhub_gateway.upgrade.cluster import HUB_NAME, Cluster
from jhub_gateway.upgrade.database_command import CONFIG_FILE
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.jobs import (
    SHARE,
    find_config_file,
    find_hub_container,
    make_hub_job,
    make_share_job,
)
from jhub_gateway.upgrade.look import HubLook, look_at_hub, make_probe, read_probe
from jhub_gateway.upgrade.models import Release, UserPod, Wanted
from jhub_gateway.upgrade.record import Record
from jhub_gateway.upgrade.waiting import wait_until

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, the end of a Job, of a pod, and a hub that is ready are waited for."""

    job: float = 1800
    stop: float = 180
    start: float = 600


async def _install_nothing() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator asks of a run.

    ``start`` runs the command that installs the new hub, and returns its exit status; ``command``
    is how it is called. ``notice`` is for how many seconds users are told ahead. ``backup_claim``
    is empty for the share's. ``find_problems`` yields what is wrong with the values files.
    """

    start: Callable[[], Awaitable[int]] = _install_nothing
    find_problems: Callable[[], Iterable[str]] = tuple
    command: str = "the command"
    may_stop: bool = False
    restart: bool = False
    from_version: str | None = None
    notice: float = 0
    backup_claim: str = ""
    patience: Patience = Patience()


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one upgrade. Each returns the record as it is after it; raises UpgradeError."""

    cluster: Cluster
    wanted: Wanted
    settings: Settings
    say: Say

    async def take(self, name: str, record: Record) -> Record:
        """Take the step of that name. ``check`` is apart: what it finds decides on all others."""
        steps: dict[str, Callable[[Record], Awaitable[Record]]] = {
            names.ANNOUNCE: self.announce,
            names.STOP_HUB: self.stop_hub,
            names.STOP_SERVERS: self.stop_servers,
            names.BACK_UP: self.back_up,
            names.MIGRATE_SHARE: self.migrate_share,
            names.MIGRATE_DATABASE: self.migrate_database,
            names.START: self.start,
            names.VERIFY: self.verify,
        }
        return await steps[name](record)

    async def check(self) -> tuple[Release, int]:
        """Return what the new image has, and the share's layout, as the image itself reads it.

        An image that can't be pulled is noticed while the hub still runs.
        """
        # It asks the cluster with clients of its own, each in its own loop.
        if problems := await asyncio.to_thread(lambda: list(self.settings.find_problems())):
            raise UpgradeError("\n".join(problems))
        hub = await self.cluster.read_hub()
        self._check_claim(hub)
        job = make_share_job(hub, self.wanted, names.CHECK, make_probe("", SHARE))
        answer = read_probe(await self._run(job, self.cluster.pods_namespace))
        return Release.make(answer["release"]), int(answer["share"]["layout"])

    async def announce(self, record: Record) -> Record:
        """Tell users on the hub's pages; a hub that can't is no reason to stop."""
        if not self.settings.notice:
            self.say("users are not told: --notice is 0")
            return record
        begin = datetime.now(UTC) + timedelta(seconds=self.settings.notice)
        text = make_announcement(begin, record.stops_servers)
        ran = await self.cluster.run_in_hub(["jhub-gateway", "announce", text])
        if ran is None or ran.status:
            why = cut_log(ran.errors, 1) if ran else "it does not run"
            self.say(f"users are not told: the hub can't announce it ({why})")
            return record
        self.say(f"users read: {text}")
        await asyncio.sleep(self.settings.notice)
        return record

    async def stop_hub(self, record: Record) -> Record:
        """Stop the hub, and note which servers run without it."""
        await self.switch_off()
        pods = await self.cluster.list_user_pods(self.wanted.hub_name)
        self.say(f"the hub is off, and {names.describe_count(len(pods), 'server')} without it")
        return replace(record, pods=pods)

    async def switch_off(self) -> None:
        """Have the hub end, and wait for it: nobody else is at the database then."""
        await self.cluster.scale_hub(0)

        async def is_gone() -> bool | None:
            return None if await self.cluster.list_hub_pods() else True

        if not await wait_until(is_gone, self.settings.patience.stop):
            raise UpgradeError(
                f"the hub's pod has not ended in {self.settings.patience.stop:.0f} s: see `kubectl "
                f"get pods --namespace {self.cluster.namespace}`, and repeat the command"
            )

    async def stop_servers(self, record: Record) -> Record:
        """End all servers, as nobody can start one now, and wait until none writes any more."""
        pods = await self.cluster.list_all_user_pods(self.wanted.hub_name)
        if pods and not self.settings.may_stop:
            raise UpgradeError(
                f"{names.describe_count(len(pods), 'server')} started while the hub was still "
                "there: repeat the command with --stop-servers, as the hub is off now"
            )
        for pod in pods:
            await self.cluster.delete_user_pod(pod)

        async def are_gone() -> bool | None:
            return None if await self.cluster.list_all_user_pods(self.wanted.hub_name) else True

        if not await wait_until(are_gone, self.settings.patience.stop):
            raise UpgradeError("some servers have not ended; repeat the command")
        self.say(f"stopped {names.describe_count(len(pods), 'server')}")
        return replace(record, pods=())

    async def back_up(self, record: Record) -> Record:
        """Copy the database into a file of the claim."""
        await self.write_backup(record.backup)
        return record

    async def write_backup(self, path: str) -> None:
        """Copy the database into the file of that path in the claim."""
        command = ["jhub-gateway", "database", "backup", "--to", f"{SHARE}/{path}"]
        await self._run_hub_job(names.BACK_UP, command)
        self.say(f"the backup is {path} of the claim {self._backup_claim}")

    async def check_backup(self, path: str) -> None:
        """Raise UpgradeError if the claim has no such file. Nothing is stopped for this look."""
        hub = await self.cluster.read_hub()
        try:
            await self._run_beside_hub(hub, "look", ["test", "-s", f"{SHARE}/{path}"])
        except UpgradeError as problem:
            raise UpgradeError(
                f"the claim {self._backup_claim} has no backup {path!r} that can be read; nothing "
                f"was stopped. {problem}"
            ) from None

    async def read_backup(self, path: str) -> None:
        """Put the file of that path in the claim in the place of the database."""
        command = ["jhub-gateway", "database", "restore", "--from", f"{SHARE}/{path}", "--replace"]
        self.say((await self._run_hub_job("restore", command)).strip().rpartition("\n")[2])

    async def migrate_share(self, record: Record) -> Record:
        """Bring the share to the new layout."""
        hub = await self.cluster.read_hub()
        command = ["jhub-gateway", "storage", "init", SHARE]
        job = make_share_job(hub, self.wanted, names.MIGRATE_SHARE, command)
        self.say((await self._run(job, self.cluster.pods_namespace)).strip())
        await self.cluster.remove_share_job()
        return record

    async def migrate_database(self, record: Record) -> Record:
        """Bring the database to the new revision, by JupyterHub's own command."""
        await self._run_hub_job(names.MIGRATE_DATABASE, ["jupyterhub", "upgrade-db"])
        return record

    async def start(self, record: Record) -> Record:
        """Run the operator's command, and see that it leads to a hub."""
        status = await self.settings.start()
        if status:
            raise UpgradeError(
                f"`{self.settings.command}` ended with {status}. All before it is done: put it "
                "right and repeat the whole command, which goes on here. The way back: "
                f"`jhub-gateway upgrade restore --backup {record.backup}`"
            )
        await self.cluster.scale_hub(1)
        return record

    async def verify(self, record: Record) -> Record:
        """See that the new hub is ready, of the release, and has every server that ran before."""
        if not await wait_until(self._is_ready, self.settings.patience.start):
            raise UpgradeError(
                f"the hub is not ready after {self.settings.patience.start:.0f} s; the reason is "
                f"at the end of `kubectl logs --namespace {self.cluster.namespace} "
                f"deployment/{HUB_NAME}`. Put it right and repeat the command"
            )
        problem = ""

        async def is_whole() -> bool | None:
            nonlocal problem
            problem = await self._find_problem(record)
            return None if problem else True

        # A hub that has just started is still looking at the servers.
        if not await wait_until(is_whole, self.settings.patience.stop):
            raise UpgradeError(problem)
        now = await self.cluster.list_user_pods(self.wanted.hub_name)
        self.say(f"the hub runs {record.to}, and {describe_servers(record.pods, now)}")
        return record

    async def _is_ready(self) -> bool | None:
        hub = await self.cluster.read_hub()
        status = hub.get("status", {})
        is_seen = status.get("observedGeneration") == hub["metadata"].get("generation")
        # Of one pod, not of the one that is about to end.
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        return True if is_seen and counts == [1, 1, 1] else None

    async def _find_problem(self, record: Record) -> str:
        hub = await self.cluster.read_hub()
        seen = await look_at_hub(self.cluster, hub)
        if seen is None:
            return "the hub was ready, and runs no more; see its log, and repeat the command"
        if seen.release.version != record.to:
            image = find_hub_container(hub)["image"]
            return (
                f"the hub runs jhub-gateway {seen.release.version} of {image}, and not {record.to} "
                f"of {self.wanted.image}: does `{self.settings.command}` have the same values?"
            )
        now = await self.cluster.list_user_pods(self.wanted.hub_name)
        return find_lost_servers(record.pods, now, seen)

    async def _run_hub_job(self, name: str, command: Sequence[str]) -> str:
        hub = await self.cluster.read_hub()
        words = [*command, "--config", find_config_file(hub, str(CONFIG_FILE))]
        return await self._run_beside_hub(hub, name, words)

    async def _run_beside_hub(self, hub: Manifest, name: str, command: Sequence[str]) -> str:
        job = make_hub_job(hub, self.wanted, name, command, self._backup_claim)
        return await self._run(job, self.cluster.namespace)

    @property
    def _backup_claim(self) -> str:
        return self.settings.backup_claim or self.wanted.claim

    async def _run(self, job: Manifest, namespace: str) -> str:
        return await self.cluster.run_job(job, namespace, self.settings.patience.job)

    def _check_claim(self, hub: Manifest) -> None:
        """Raise UpgradeError where the hub's own pod can't write the backup to the share."""
        if self.settings.backup_claim:
            return
        context = hub["spec"]["template"]["spec"].get("securityContext") or {}
        group = context.get("fsGroup", self.wanted.gid)
        advice = "name another claim for the backup with --backup-claim"
        if self.cluster.pods_namespace != self.cluster.namespace:
            raise UpgradeError(
                f"the share is in the namespace {self.cluster.pods_namespace}, where the hub can't "
                f"mount it: {advice}"
            )
        if group != self.wanted.gid:
            raise UpgradeError(
                f"hub.podSecurityContext.fsGroup is {group} and singleuser.fsGid "
                f"{self.wanted.gid}, so that the hub's mount would change the owners of the "
                f"share: {advice}"
            )


def make_announcement(begin: datetime, stops_servers: bool) -> str:
    """Return what users read. ``begin`` is when the hub is stopped."""
    yours = (
        "Your server is stopped then; save your work. Your files stay."
        if stops_servers
        else "Your server goes on running."
    )
    return f"The hub is upgraded at {begin:%H:%M} UTC. {yours} You can't log in for some minutes."


def find_lost_servers(before: Sequence[UserPod], now: Sequence[UserPod], seen: HubLook) -> str:
    """Return a sentence on servers that still run and that the hub has lost; "" for none."""
    lost = [pod.name for pod in before if pod in now and pod.name not in seen.listed]
    if lost:
        return (
            f"the hub does not list {names.describe_count(len(lost), 'server')} of those that run: "
            f"{_list_some(lost)}. See its log; it ends what it does not know after a while"
        )
    return ""


def describe_servers(before: Sequence[UserPod], now: Sequence[UserPod]) -> str:
    """Return what became of the servers. Who ended is told: users may end their own meanwhile."""
    ended = [pod.name for pod in before if pod not in now]
    kept = names.describe_count(len(before) - len(ended), "server")
    if not ended:
        return f"has {kept} from before"
    return (
        f"has {kept} from before; {names.describe_count(len(ended), 'server')} ended since the hub "
        f"was stopped: {_list_some(ended)}. Their users ended them, or the hub's log says why"
    )


def _list_some(found: Sequence[str], most: int = 5) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more

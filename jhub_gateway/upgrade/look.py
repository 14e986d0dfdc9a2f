"""What is there before an upgrade: read, and nothing changed."""

import json
from dataclasses import dataclass
from typing import Any

from jhub_gateway.clients.kube_requests import Manifest
from jhub_gateway.policy.redaction import cut_log
from jhub_gateway.upgrade import probe
from jhub_gateway.upgrade.cluster import Cluster
from jhub_gateway.upgrade.database_command import CONFIG_FILE
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.jobs import find_config_file
from jhub_gateway.upgrade.models import Found, Release
from jhub_gateway.upgrade.plan import MIGRATE_DATABASE, MIGRATE_SHARE
from jhub_gateway.upgrade.record import read_config_map

_CHART = "helm.sh/chart"


@dataclass(frozen=True, slots=True)
class HubLook:
    """What a running hub says: its release, its database's revision, and the pods that it lists."""

    release: Release
    revision: str
    listed: frozenset[str]


def make_probe(config: str, share: str) -> list[str]:
    """Return the command that asks a pod with a hub's image; "" is not looked at."""
    with open(probe.__file__, encoding="utf-8") as file:
        return ["python3", "-c", file.read(), config, share]


def read_probe(output: str) -> dict[str, Any]:
    """Return what a probe answered. Raises UpgradeError if it did not."""
    # A configuration file may print, too.
    last = output.strip().rpartition("\n")[2]
    try:
        answer = json.loads(last)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "release" not in answer:
        raise UpgradeError(f"the image did not say what is in it: {cut_log(output, 1)}")
    return answer


def read_own_release() -> Release:
    """Return what is installed here."""
    return Release.make(probe.probe_release())


async def look_at_hub(cluster: Cluster, hub: Manifest) -> HubLook | None:
    """Ask the running hub; None where none runs. Raises UpgradeError."""
    ran = await cluster.run_in_hub(make_probe(find_config_file(hub, str(CONFIG_FILE)), ""))
    if ran is None:
        return None
    if ran.status:
        raise UpgradeError(
            "the hub's pod did not say what is in it; is it a hub with jhub-gateway? Or say which "
            f"version it has with --from: {cut_log(ran.errors, 1)}"
        )
    answer = read_probe(ran.output)
    database = answer["database"]
    listed = frozenset(str(name) for name in database["servers"] if name)
    return HubLook(Release.make(answer["release"]), str(database["revision"]), listed)


async def look(cluster: Cluster, hub_name: str, version: str | None = None) -> Found:
    """Return what there is; ``version`` is what the operator says of a hub that can't be asked.

    Of a hub that is off, an earlier upgrade's record says it. The share's layout is the one that
    the running release works with: it starts no server on any other. Raises UpgradeError.
    """
    hub = await cluster.read_hub()
    chart = hub["metadata"].get("labels", {}).get(_CHART, "")
    pods = await cluster.list_user_pods(hub_name)
    seen = None if version else await look_at_hub(cluster, hub)
    if seen is None:
        version = version or find_last_version(await cluster.find_record())
        return Found(version, None, chart, None, None, pods)
    release = seen.release
    return Found(release.version, release.jupyterhub, chart, release.layout, seen.revision, pods)


def find_last_version(stored: Manifest | None) -> str | None:
    """Return the version that the database and the share are of, as far as a record says it."""
    try:
        record = read_config_map(stored)
    except UpgradeError:
        return None
    if record is None:
        return None
    has_changed = {MIGRATE_SHARE, MIGRATE_DATABASE} & record.steps.keys()
    return record.to if has_changed else record.found.version

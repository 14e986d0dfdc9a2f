"""Values of the chart's own that a gateway needs to be as they are in helm-values/common.yaml."""

from collections.abc import Iterator

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.database import SQLITE
from jhub_gateway.checks.report import Problem
from jhub_gateway.policy.setting_paths import Path

# An account of such a name is easily made at a provider, or is there from its installation on.
_DEFAULT_ADMINS = frozenset({"admin", "administrator", "root", "superadmin", "jupyter"})
_CHART_GROUP = 100


def find_chart_problems(chart: ChartValues) -> Iterator[Problem]:
    """Yield each value with which the gateway would not work, or not be safe."""
    yield from _find_storage(chart)
    yield from _find_security(chart)
    yield from _find_admins(chart)
    yield from _find_database(chart)
    if chart.get("cull.enabled"):
        yield Problem(
            ("cull", "enabled"),
            "the chart's own culler knows no policies and stops busy kernels that are quiet: set "
            "it to false; the service of helm-values/common.yaml does it",
        )


def _find_storage(chart: ChartValues) -> Iterator[Problem]:
    kind = chart.get("singleuser.storage.type", "not set")
    if kind != "none":
        yield Problem(
            ("singleuser", "storage", "type"),
            f"it is {kind}, and homes are on GatewaySpawner.shared_claim_name: set it to none",
        )
    if chart.get("singleuser.fsGid") == _CHART_GROUP:
        yield Problem(
            ("singleuser", "fsGid"),
            f"it is {_CHART_GROUP}, the chart's default, and the shared claim belongs to another "
            "group: set it to the fsGroup of the Job gateway-storage-init, 1000",
        )


def _find_security(chart: ChartValues) -> Iterator[Problem]:
    block: Path = ("singleuser", "cloudMetadata", "blockWithIptables")
    if chart.get(".".join(map(str, block))):
        yield Problem(
            block,
            "it puts a privileged container into each user's pod, which the restricted Pod "
            "Security standard forbids: set it to false; the network policy does the same",
        )
    policy = "singleuser.networkPolicy"
    if chart.get(f"{policy}.enabled") is False:
        path: Path = ("singleuser", "networkPolicy", "enabled")
        yield Problem(path, "users' pods reach the hub's database and each other: set it to true")
    if chart.get(f"{policy}.egressAllowRules.cloudMetadataServer"):
        yield Problem(
            ("singleuser", "networkPolicy", "egressAllowRules", "cloudMetadataServer"),
            "users' pods reach the credentials of the machine that they run on: set it to false",
        )


def _find_admins(chart: ChartValues) -> Iterator[Problem]:
    for section, traits in chart.get("hub.config", {}).items():
        names = traits.get("admin_users") if isinstance(traits, dict) else None
        for place, name in enumerate(names if isinstance(names, list) else ()):
            if str(name).casefold() in _DEFAULT_ADMINS:
                yield Problem(
                    ("hub", "config", section, "admin_users", place),
                    f"{name!r} is an administrator's name everywhere: who has an account of that "
                    "name at the provider rules the hub. Name people, or use admin_groups",
                )


def _find_database(chart: ChartValues) -> Iterator[Problem]:
    if chart.get("hub.db.type") not in SQLITE:
        return
    if (replicas := chart.get("hub.replicas", 1)) != 1:
        yield Problem(
            ("hub", "replicas"),
            f"there are to be {replicas} hubs, and SQLite is for one: set hub.db.type to postgres",
        )
    storage_class = chart.get("hub.db.pvc.storageClassName")
    if "nfs" in str(storage_class).lower():
        yield make_nfs_problem(str(storage_class))


def make_nfs_problem(storage_class: str) -> Problem:
    """Return what is wrong with SQLite on such a class."""
    return Problem(
        ("hub", "db", "pvc", "storageClassName"),
        f"SQLite on {storage_class!r}, which is NFS, loses data when locks fail: name a class of "
        "block storage, or set hub.db.type to postgres",
    )

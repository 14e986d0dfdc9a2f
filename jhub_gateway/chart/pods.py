"""What users' pods are like: the image, where they run and what they may not reach."""

from collections.abc import Mapping

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.errors import ConfigurationError


def set_pods(config: Config, chart: ChartValues, environment: Mapping[str, str]) -> None:
    """Set what takes more than one value. Raises ConfigurationError."""
    spawner = config.KubeSpawner
    spawner.namespace = environment.get("POD_NAMESPACE", "default")
    spawner.common_labels = _make_labels(chart)
    if image := chart.get("singleuser.image.name"):
        tag = chart.get("singleuser.image.tag")
        spawner.image = f"{image}:{tag}" if tag else image
    # Here None is no default: it leaves the decision to the cluster.
    spawner.allow_privilege_escalation = chart.get("singleuser.allowPrivilegeEscalation")
    if secrets := _list_pull_secrets(chart):
        spawner.image_pull_secrets = secrets
    _set_scheduling(config, chart)
    if chart.get("singleuser.cloudMetadata.blockWithIptables") is True:
        _append(config, "init_containers", _make_metadata_block(chart))


def _make_labels(chart: ChartValues) -> dict[str, str]:
    """Return the chart's labels, in Kubernetes' spelling and in the chart's older one."""
    name = chart.get("nameOverride") or chart.get("Chart.Name", "jupyterhub")
    labels = {"app": name, "app.kubernetes.io/name": name}
    if release := chart.get("Release.Name"):
        labels |= {"release": release, "app.kubernetes.io/instance": release}
    if version := chart.get("Chart.Version"):
        full = f"{chart.get('Chart.Name')}-{version.replace('+', '_')}"
        labels |= {"chart": full, "helm.sh/chart": full}
    return {**labels, "app.kubernetes.io/managed-by": "kubespawner"}


def _list_pull_secrets(chart: ChartValues) -> list[object]:
    own = chart.get("imagePullSecret.create") and chart.get(
        "imagePullSecret.automaticReferenceInjection"
    )
    return [
        *([chart.name("image-pull-secret")] if own else []),
        *chart.get("imagePullSecrets", []),
        *chart.get("singleuser.image.pullSecrets", []),
    ]


def _set_scheduling(config: Config, chart: ChartValues) -> None:
    spawner = config.KubeSpawner
    # These two are objects of the whole cluster, so that a prefix or the release tells them apart.
    if chart.get("scheduling.userScheduler.enabled"):
        spawner.scheduler_name = f"{chart.prefix or chart.release + '-'}user-scheduler"
    if chart.get("scheduling.podPriority.enabled"):
        spawner.priority_class_name = (
            chart.prefix.removesuffix("-") or f"{chart.release}-default-priority"
        )
    tolerations = [
        *chart.get("scheduling.userPods.tolerations", []),
        *chart.get("singleuser.extraTolerations", []),
    ]
    if tolerations:
        spawner.tolerations = tolerations
    _set_node_purpose(config, chart.get("scheduling.userPods.nodeAffinity.matchNodePurpose"))


def _set_node_purpose(config: Config, purpose: str | None) -> None:
    term = {
        "matchExpressions": [
            {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
        ]
    }
    if purpose == "prefer":
        _append(config, "node_affinity_preferred", {"weight": 100, "preference": term})
    elif purpose == "require":
        _append(config, "node_affinity_required", term)
    elif purpose not in (None, "ignore"):
        raise ConfigurationError(
            f"scheduling.userPods.nodeAffinity.matchNodePurpose is {purpose!r}: it must be "
            "prefer, require or ignore",
            ("scheduling", "userPods", "nodeAffinity", "matchNodePurpose"),
        )


def _append(config: Config, trait: str, value: object) -> None:
    """Add to what the values have; a program of ``hub.extraConfig`` then finds a list."""
    config.KubeSpawner[trait] = [*config.KubeSpawner.get(trait, []), value]


def _make_metadata_block(chart: ChartValues) -> dict[str, object]:
    """Return the container that makes the cloud's metadata server unreachable for its pod."""
    image = "singleuser.networkTools.image"
    address = chart.get("singleuser.cloudMetadata.ip")
    packets = ["--protocol", "tcp", "--destination", address, "--destination-port", "80"]
    return {
        "name": "block-cloud-metadata",
        "image": f"{chart.get(f'{image}.name')}:{chart.get(f'{image}.tag', 'latest')}",
        "command": ["iptables", "--append", "OUTPUT", *packets, "--jump", "DROP"],
        "securityContext": {
            "privileged": True,
            "runAsUser": 0,
            "capabilities": {"add": ["NET_ADMIN"]},
        },
        "resources": chart.get("singleuser.networkTools.resources", {}),
    }

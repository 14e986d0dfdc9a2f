"""From values to traits: what the hub's settings are that the chart makes of its values.

Where a value and a trait are the same thing, ``TRAITS`` says so; the modules beside this one do
what takes more than that. As in the chart, ``hub.config`` goes over all of it, and the programs of
``hub.extraConfig`` run last.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import yaml
from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.database import SQLITE, set_database
from jhub_gateway.chart.extra_config import run_extra_config
from jhub_gateway.chart.pass_through import pass_hub_config, set_secrets
from jhub_gateway.chart.pods import set_pods
from jhub_gateway.chart.services import set_services
from jhub_gateway.chart.volumes import set_volumes
from jhub_gateway.errors import ConfigurationError

SECRET_DIRECTORY = Path("/usr/local/etc/jupyterhub/secret")

# Null, and a value that is not there, leave the trait as it is.
TRAITS = {
    "hub.concurrentSpawnLimit": "JupyterHub.concurrent_spawn_limit",
    "hub.activeServerLimit": "JupyterHub.active_server_limit",
    "hub.baseUrl": "JupyterHub.base_url",
    "hub.allowNamedServers": "JupyterHub.allow_named_servers",
    "hub.namedServerLimitPerUser": "JupyterHub.named_server_limit_per_user",
    "hub.authenticatePrometheus": "JupyterHub.authenticate_prometheus",
    "hub.redirectToServer": "JupyterHub.redirect_to_server",
    "hub.shutdownOnLogout": "JupyterHub.shutdown_on_logout",
    "hub.templatePaths": "JupyterHub.template_paths",
    "hub.templateVars": "JupyterHub.template_vars",
    "hub.consecutiveFailureLimit": "Spawner.consecutive_failure_limit",
    "singleuser.cmd": "Spawner.cmd",
    "singleuser.defaultUrl": "Spawner.default_url",
    "singleuser.podNameTemplate": "KubeSpawner.pod_name_template",
    "singleuser.startTimeout": "KubeSpawner.start_timeout",
    "singleuser.image.pullPolicy": "KubeSpawner.image_pull_policy",
    "singleuser.events": "KubeSpawner.events_enabled",
    "singleuser.extraLabels": "KubeSpawner.extra_labels",
    "singleuser.extraAnnotations": "KubeSpawner.extra_annotations",
    "singleuser.uid": "KubeSpawner.uid",
    "singleuser.fsGid": "KubeSpawner.fs_gid",
    "singleuser.serviceAccountName": "KubeSpawner.service_account",
    "singleuser.storage.extraLabels": "KubeSpawner.storage_extra_labels",
    "singleuser.nodeSelector": "KubeSpawner.node_selector",
    "singleuser.extraNodeAffinity.required": "KubeSpawner.node_affinity_required",
    "singleuser.extraNodeAffinity.preferred": "KubeSpawner.node_affinity_preferred",
    "singleuser.extraPodAffinity.required": "KubeSpawner.pod_affinity_required",
    "singleuser.extraPodAffinity.preferred": "KubeSpawner.pod_affinity_preferred",
    "singleuser.extraPodAntiAffinity.required": "KubeSpawner.pod_anti_affinity_required",
    "singleuser.extraPodAntiAffinity.preferred": "KubeSpawner.pod_anti_affinity_preferred",
    "singleuser.lifecycleHooks": "KubeSpawner.lifecycle_hooks",
    "singleuser.initContainers": "KubeSpawner.init_containers",
    "singleuser.extraContainers": "KubeSpawner.extra_containers",
    "singleuser.memory.limit": "KubeSpawner.mem_limit",
    "singleuser.memory.guarantee": "KubeSpawner.mem_guarantee",
    "singleuser.cpu.limit": "KubeSpawner.cpu_limit",
    "singleuser.cpu.guarantee": "KubeSpawner.cpu_guarantee",
    "singleuser.extraResource.limits": "KubeSpawner.extra_resource_limits",
    "singleuser.extraResource.guarantees": "KubeSpawner.extra_resource_guarantees",
    "singleuser.extraEnv": "KubeSpawner.environment",
    "singleuser.profileList": "KubeSpawner.profile_list",
    "singleuser.extraPodConfig": "KubeSpawner.extra_pod_config",
}


def apply_values(
    config: Config,
    values: Mapping[str, Any],
    secrets: Mapping[str, str],
    environment: MutableMapping[str, str] = os.environ,
) -> None:
    """Set in ``config`` what the chart's jupyterhub_config.py would set in the hub.

    ``secrets`` are the keys of the chart's Secret: ``hub.config.JupyterHub.cookie_secret``,
    ``hub.config.CryptKeeper.keys`` (with ";" between them), ``hub.services.<name>.apiToken`` and
    ``hub.db.password``, which goes into ``environment``, where database drivers look for it.

    Raises ConfigurationError for a value that would stop the hub here, and what a program of
    ``hub.extraConfig`` raises.
    """
    chart = ChartValues(values)
    apply_chart_values(config, chart, secrets, environment)
    pass_hub_config(config, chart)
    run_extra_config(config, chart)


def apply_chart_values(
    config: Config,
    chart: ChartValues,
    secrets: Mapping[str, str],
    environment: MutableMapping[str, str],
) -> None:
    """Set what the chart makes of its own values. Raises ConfigurationError."""
    _set_hub(config, chart, environment)
    set_database(config, chart, secrets, environment)
    for path, trait in TRAITS.items():
        if (value := chart.get(path)) is not None:
            section, name = trait.split(".")
            config[section][name] = value
    set_pods(config, chart, environment)
    set_volumes(config, chart)
    set_services(config, chart, secrets)
    if chart.get("debug.enabled"):
        config.JupyterHub.log_level = "DEBUG"
        config.Spawner.debug = True
    set_secrets(config, secrets)


def load_chart_config(config: Config, directory: Path = SECRET_DIRECTORY) -> None:
    """Apply the Secret that is mounted in a hub's pod: its values.yaml, with its other keys.

    For hubs without helm; the chart has its own way. Raises ConfigurationError, and OSError where
    there is no such Secret.
    """
    values = yaml.safe_load((directory / "values.yaml").read_text())
    _check_database(ChartValues(values))
    keys = (file for file in directory.iterdir() if file.name.startswith("hub.") and file.is_file())
    apply_values(config, values, {file.name: file.read_text() for file in keys})


def _check_database(chart: ChartValues) -> None:
    """Raise ConfigurationError for a database that would be gone with the hub's pod."""
    if (kind := chart.get("hub.db.type")) in SQLITE:
        raise ConfigurationError(
            f"hub.db.type is {kind!r}: only the chart has a volume for it. Set it to postgres or "
            "mysql, with hub.db.url, as in helm-values/high-availability.yaml"
        )


def _set_hub(config: Config, chart: ChartValues, environment: Mapping[str, str]) -> None:
    hub, proxy = chart.name("hub"), chart.name("proxy-api")
    config.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    config.JupyterHub.hub_bind_url = "http://:8081"
    config.JupyterHub.hub_connect_url = f"http://{hub}:{_find_port(environment, hub, '8081')}"
    config.ConfigurableHTTPProxy.api_url = (
        f"http://{proxy}:{_find_port(environment, proxy, '8001')}"
    )
    # The proxy is a pod of its own, and users' servers outlive the hub's.
    config.ConfigurableHTTPProxy.should_start = False
    config.JupyterHub.cleanup_servers = False
    config.JupyterHub.last_activity_interval = 60  # seconds
    config.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # seconds


def _find_port(environment: Mapping[str, str], service: str, default: str) -> str:
    """Return the port of a Service, which Kubernetes tells its pods; elsewhere the chart's."""
    return environment.get(f"{service}_SERVICE_PORT".upper().replace("-", "_"), default)

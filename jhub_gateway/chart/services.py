"""The hub's services and roles: those of the values, and the chart's own culler."""

from collections.abc import Mapping
from typing import Any

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues
from jhub_gateway.chart.pass_through import get_secret

_CULLER = "jupyterhub-idle-culler"
_CULLER_SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
# Zero and null leave an option out.
_CULLER_NUMBERS = {
    "cull.timeout": "--timeout",
    "cull.every": "--cull-every",
    "cull.concurrency": "--concurrency",
}


def set_services(config: Config, chart: ChartValues, secrets: Mapping[str, str]) -> None:
    """Set all services, with their tokens from the Secret, and all roles."""
    services, roles = [], []
    if chart.get("cull.enabled"):
        services.append({"name": _CULLER, "command": _make_cull_command(chart)})
        roles.append(_make_cull_role(chart))
    for name, service in chart.get("hub.services", {}).items():
        token = get_secret(secrets, f"hub.services.{name}.apiToken")
        own = {key: value for key, value in service.items() if key != "apiToken"}
        services.append({"name": name, **own, "api_token": token})
    for name, role in chart.get("hub.loadRoles", {}).items():
        roles.append({"name": name, **role})
    config.JupyterHub.services = services
    config.JupyterHub.load_roles = roles


def _make_cull_command(chart: ChartValues) -> list[str]:
    base = str(chart.get("hub.baseUrl", "/")).rstrip("/")
    command = ["python3", "-m", "jupyterhub_idle_culler"]
    command.append(f"--url=http://localhost:8081{base}/hub/api")
    command += _make_options(chart, _CULLER_NUMBERS)
    if chart.get("cull.users"):
        command.append("--cull-users")
    if not chart.get("cull.adminUsers"):
        command.append("--cull-admin-users=false")
    if chart.get("cull.removeNamedServers"):
        command.append("--remove-named-servers")
    return command + _make_options(chart, {"cull.maxAge": "--max-age"})


def _make_options(chart: ChartValues, options: Mapping[str, str]) -> list[str]:
    return [f"{option}={value}" for path, option in options.items() if (value := chart.get(path))]


def _make_cull_role(chart: ChartValues) -> dict[str, Any]:
    users = ["admin:users"] if chart.get("cull.users") else []
    return {"name": _CULLER, "scopes": [*_CULLER_SCOPES, *users], "services": [_CULLER]}

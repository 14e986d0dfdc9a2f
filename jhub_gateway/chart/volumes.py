"""The volumes of users' pods that the chart itself makes. A gateway needs none of them."""

from typing import Any

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues

_STORAGE = "singleuser.storage"
_DYNAMIC = {
    f"{_STORAGE}.dynamic.storageClass": "storage_class",
    f"{_STORAGE}.dynamic.storageAccessModes": "storage_access_modes",
    f"{_STORAGE}.capacity": "storage_capacity",
}


def set_volumes(config: Config, chart: ChartValues) -> None:
    """Set all volumes and where they are mounted, each under a name that values can replace."""
    volumes: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    kind = chart.get(f"{_STORAGE}.type")
    if kind == "dynamic":
        _set_claim_of_each_user(config, chart)
        name = chart.get(f"{_STORAGE}.dynamic.volumeNameTemplate")
        _add_home(volumes, mounts, chart, name, "{pvc_name}", kind)
    elif kind == "static":
        claim = chart.get(f"{_STORAGE}.static.pvcName")
        _add_home(volumes, mounts, chart, "home", claim, kind)
    _add_files(volumes, mounts, chart)
    extra_volumes = chart.get(f"{_STORAGE}.extraVolumes", {})
    volumes.update(_name_each(extra_volumes, "{name}"))
    mounts.update(_name_each(chart.get(f"{_STORAGE}.extraVolumeMounts", {}), "{place}-{name}"))
    config.KubeSpawner.volumes = volumes
    config.KubeSpawner.volume_mounts = mounts


def _set_claim_of_each_user(config: Config, chart: ChartValues) -> None:
    config.KubeSpawner.storage_pvc_ensure = True
    if template := chart.get(f"{_STORAGE}.dynamic.pvcNameTemplate"):
        config.KubeSpawner.pvc_name_template = template
    for path, trait in _DYNAMIC.items():
        if (value := chart.get(path)) is not None:
            config.KubeSpawner[trait] = value


def _add_home(
    volumes: dict[str, Any],
    mounts: dict[str, Any],
    chart: ChartValues,
    name: str,
    claim: str | None,
    kind: str,
) -> None:
    volumes[name] = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    mounts[name] = {
        "mountPath": chart.get(f"{_STORAGE}.homeMountPath"),
        "name": name,
        "subPath": chart.get(f"{_STORAGE}.{kind}.subPath"),
    }


def _add_files(volumes: dict[str, Any], mounts: dict[str, Any], chart: ChartValues) -> None:
    """Add ``singleuser.extraFiles``, whose contents the chart puts into a Secret."""
    files: dict[str, dict[str, Any]] = chart.get("singleuser.extraFiles", {})
    if not files:
        return
    items = [
        {"key": key, "path": key} | {name: value for name, value in file.items() if name == "mode"}
        for key, file in files.items()
    ]
    secret = {"secretName": chart.name("singleuser"), "items": items}
    volumes["files"] = {"name": "files", "secret": secret}
    for place, (key, file) in enumerate(files.items()):
        mounts[f"{place}-files"] = {"mountPath": file["mountPath"], "subPath": key, "name": "files"}


def _name_each(entries: dict[str, Any] | list[dict[str, Any]], template: str) -> dict[str, Any]:
    if isinstance(entries, dict):
        return entries
    return {
        template.format(place=place, name=entry["name"]): entry
        for place, entry in enumerate(entries)
    }

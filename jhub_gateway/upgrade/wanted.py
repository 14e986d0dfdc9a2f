"""What an upgrade needs to know of the values files. Pure."""

from collections.abc import Mapping
from typing import Any

from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.models import Wanted

# Settings of these classes are GatewaySpawner's, the later before the earlier.
_SPAWNERS = ("KubeSpawner", "GatewaySpawner")
_USER, _GROUP = 1000, 100  # the chart's own


def make_wanted(values: Mapping[str, Any]) -> Wanted:
    """Return it from merged values. Raises UpgradeError, which names what is missing."""
    image = find_value(values, "hub", "image") or {}
    spawner: dict[str, Any] = {}
    for name in _SPAWNERS:
        section = find_value(values, "hub", "config", name)
        spawner |= section if isinstance(section, Mapping) else {}
    _check_named(image, "name", "hub.image.name")
    _check_named(image, "tag", "hub.image.tag")
    _check_named(spawner, "shared_claim_name", "hub.config.GatewaySpawner.shared_claim_name")
    return Wanted(
        image=f"{image['name']}:{image['tag']}",
        claim=str(spawner["shared_claim_name"]),
        hub_name=str(spawner.get("hub_name") or "jupyterhub"),
        uid=_read_number(values, "uid", _USER),
        gid=_read_number(values, "fsGid", _GROUP),
        pods_namespace=str(spawner.get("namespace") or ""),
    )


def find_value(values: Mapping[str, Any], *path: str) -> Any:
    """Return the value at the path; None without one."""
    found: Any = values
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _check_named(section: Any, key: str, name: str) -> None:
    if not isinstance(section, Mapping) or not section.get(key):
        raise UpgradeError(
            f"{name} is not set: give all values files of the new release, each with --values, in "
            "the order in which helm gets them"
        )


def _read_number(values: Mapping[str, Any], name: str, default: int) -> int:
    value = find_value(values, "singleuser", name)
    if value is None:
        return default
    if not isinstance(value, int):
        raise UpgradeError(f"singleuser.{name} is {value!r}, and must be a number such as 1000")
    return value

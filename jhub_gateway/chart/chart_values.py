"""All values of a release: an operator's, and the chart's own where those say nothing."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from jhub_gateway.chart.defaults import DEFAULTS

# What README calls the release, where the values are those of no release.
RELEASE = "hub"


class ChartValues:
    """Values by their dotted path; what they return may be changed."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._data = fill_in(DEFAULTS, values)

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value of a path such as ``singleuser.memory.limit``, or the default."""
        value: Any = self._data
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value is None else deepcopy(value)

    @property
    def prefix(self) -> str:
        """What the names of the release's objects begin with: nothing, unless it is asked for."""
        override = self.get("fullnameOverride")
        if isinstance(override, str):
            return f"{override}-" if override else ""
        name = self.get("nameOverride") or self.get("Chart.Name", "jupyterhub")
        return f"{self.release}-" if name in self.release else f"{self.release}-{name}-"

    @property
    def release(self) -> str:
        """The name of the release."""
        return str(self.get("Release.Name", RELEASE))

    def name(self, resource: str) -> str:
        """Return what the chart calls an object of its own in the namespace, such as ``hub``."""
        return self.prefix + resource


def fill_in(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values over the chart's, as helm does it: null removes what the chart has."""
    merged = deepcopy({**defaults, **values})
    for key, default in defaults.items():
        if merged[key] is None:
            del merged[key]
        elif isinstance(default, Mapping) and isinstance(merged[key], Mapping):
            merged[key] = fill_in(default, merged[key])
    return merged

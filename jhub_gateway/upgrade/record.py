"""How far an upgrade has come: kept in the cluster, so that whoever repeats it goes on there."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from jhub_gateway.policy.layout import BACKUPS
from jhub_gateway.upgrade.errors import UpgradeError
from jhub_gateway.upgrade.models import Found, UserPod
from jhub_gateway.upgrade.plan import VERIFY

NAME = "jhub-gateway-upgrade"
"""Of the ConfigMap that holds it, and of the Lease by which there is one run at a time."""

_KEY = "record"


@dataclass(frozen=True, slots=True)
class Record:
    """An upgrade to the version ``to``; ``steps`` are those done, with when, as ISO 8601 in UTC.

    ``found`` is what there was before it. ``pods`` are the servers that ran when the hub was off.
    ``backup`` is the backup's path in its volume, and ``stops_servers`` whether servers are ended.
    """

    to: str
    image: str
    found: Found
    started: str
    backup: str
    steps: dict[str, str] = field(default_factory=dict)
    pods: tuple[UserPod, ...] = ()
    stops_servers: bool = False

    @classmethod
    def begin(cls, to: str, image: str, found: Found, now: datetime) -> Self:
        """Return the record of an upgrade of which nothing is done yet."""
        name = f"hub-{found.version or 'unknown'}"
        return cls(to, image, found, format_time(now), make_backup_path(name, now))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what ``write`` wrote. Raises UpgradeError for another text."""
        try:
            fields = json.loads(text)
            found = fields.pop("found")
            found["pods"] = _read_pods(found["pods"])
            pods = _read_pods(fields.pop("pods"))
            return cls(**fields, found=Found(**found), pods=pods)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise UpgradeError(
                f"the ConfigMap {NAME} has no record that this release can read ({problem!r}): "
                "begin anew with --restart"
            ) from None

    def write(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1)

    @property
    def is_finished(self) -> bool:
        """Whether all of it is done."""
        return VERIFY in self.steps

    def note(self, step: str, now: datetime) -> Self:
        """Return it with the step done."""
        return replace(self, steps=self.steps | {step: format_time(now)})


def make_backup_path(name: str, now: datetime) -> str:
    """Return where in its volume a backup is that is made now."""
    return f"{BACKUPS}/{name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.sqlite"


def format_time(now: datetime) -> str:
    """Return the time in UTC, as ISO 8601 to the second."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_config_map(record: Record, found: dict[str, Any] | None) -> dict[str, Any]:
    """Return the ConfigMap; ``found`` is the one there is, whose version is written over."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": found["metadata"] if found else {"name": NAME},
        "data": {_KEY: record.write()},
    }


def read_config_map(found: dict[str, Any] | None) -> Record | None:
    """Return its record; None without one. Raises UpgradeError."""
    text = ((found or {}).get("data") or {}).get(_KEY)
    return None if text is None else Record.read(text)


def _read_pods(pods: list[dict[str, str]]) -> tuple[UserPod, ...]:
    return tuple(UserPod(**pod) for pod in pods)

"""The requests to a hub, by its own log."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# [I 2026-11-30 05:07:02.060 JupyterHub log:192] 200 GET /hub/api/users?state=ready (...) 12.34ms
_LINE = re.compile(
    r"\[. (?P<time>\S+ \S+) JupyterHub log:\d+\] (?P<status>\d+) (?P<method>[A-Z]+) "
    r"(?P<path>/hub/\S*) .*?\((?P<who>[^()@]+)@\S+\) (?P<ms>[\d.]+)ms"
)


@dataclass(frozen=True, slots=True)
class Access:
    """One request. ``ended`` is in seconds since 1970, ``seconds`` how long the hub took."""

    who: str
    method: str
    path: str
    status: int
    ended: float
    seconds: float

    @property
    def began(self) -> float:
        """When the hub began with it."""
        return self.ended - self.seconds


class AccessLog:
    """What a hub logs of the requests of one of its services, from now on."""

    def __init__(self, path: Path, service: str) -> None:
        self._path = path
        self._service = service
        self._from = path.stat().st_size

    def read(self) -> list[Access]:
        """Return the service's requests so far."""
        with self._path.open("rb") as file:
            file.seek(self._from)
            text = file.read().decode(errors="replace")
        return [one for one in read_accesses(text.splitlines()) if one.who == self._service]


def read_accesses(lines: Iterable[str]) -> Iterator[Access]:
    """Yield the requests that lines of a hub's log tell of."""
    for line in lines:
        if found := _LINE.match(line):
            yield Access(
                found["who"],
                found["method"],
                found["path"],
                int(found["status"]),
                datetime.strptime(found["time"], "%Y-%m-%d %H:%M:%S.%f").timestamp(),
                float(found["ms"]) / 1000,
            )

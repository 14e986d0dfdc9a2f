"""What a hub asked of the API server, by the API server's own audit log."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.process import get_log_path


@dataclass(frozen=True)
class Calls:
    """The calls of one hub. ``by_verb`` counts them by names such as ``create pods``."""

    by_verb: Counter[str] = field(default_factory=Counter)
    deleted_pods: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        """All of them, watches included."""
        return self.by_verb.total()


class AuditLog:
    """What the audit log says from now on, also if it is rotated meanwhile."""

    def __init__(self) -> None:
        self._path = get_log_path("audit")
        found = self._path.stat()
        self._file, self._begin = found.st_ino, found.st_size

    def read(self) -> Iterable[str]:
        """The lines since then."""
        begin = self._begin
        for path in self._list_files():
            with path.open("rb") as file:
                file.seek(begin)
                yield from (line.decode(errors="replace") for line in file)
            begin = 0

    def _list_files(self) -> list[Path]:
        """The file of the beginning, under its name of now, and those that came after it."""
        files = [*sorted(self._path.parent.glob("audit-*.log")), self._path]
        numbers = [path.stat().st_ino for path in files]
        if self._file not in numbers:
            raise LookupError("the audit log was rotated more than once: take a smaller N")
        return files[numbers.index(self._file) :]


def count_calls(lines: Iterable[str], user: str) -> Calls:
    """Count the calls of the API server's user of that name, from lines of its audit log.

    A watch is one call, though the log tells of its begin and its end.
    """
    verbs: dict[str, str] = {}
    deleted = set()
    for line in lines:
        # Most of the log is of others, and to decode it all takes long.
        if user not in line:
            continue
        event = json.loads(line)
        if event["user"]["username"] != user:
            continue
        target = event.get("objectRef", {})
        verbs[event["auditID"]] = _name_call(event)
        is_done = event.get("responseStatus", {}).get("code") in (200, 202)
        if event["verb"] == "delete" and target.get("resource") == "pods" and is_done:
            deleted.add(target["name"])
    return Calls(Counter(verbs.values()), frozenset(deleted))


def _name_call(event: dict[str, object]) -> str:
    target = event.get("objectRef")
    if not isinstance(target, dict):
        return f"{event['verb']} {event['requestURI']}"
    parts = (target.get("resource", ""), target.get("subresource", ""))
    return f"{event['verb']} {'/'.join(part for part in parts if part)}"

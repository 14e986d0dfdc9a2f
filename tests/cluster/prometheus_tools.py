"""promtool, and what reads PromQL with Prometheus' own parser. They need no cluster."""

import hashlib
import json
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

from .build import build_package
from .cache import provide
from .errors import ClusterError
from .go import make_go
from .go_module import get_go_version

MODULE = Path(__file__).parent / "prometheus"
"""Their Go module. Its go.mod is where the version of Prometheus is pinned."""

_PROMTOOL = "github.com/prometheus/prometheus/cmd/promtool"
_TAGS = "remove_all_sd"
"""Leaves out all clouds: promtool looks for no targets here."""


class Use(NamedTuple):
    """An expression needs this metric, and this label of it; an empty one is none."""

    metric: str
    label: str


class PrometheusTools:
    """The programs; they are built if the cache has none, which takes minutes, once."""

    def __init__(self) -> None:
        message = "building promtool from Go modules (minutes, once)"
        self._programs = provide(f"programs/prometheus-{_get_key()}", message, _build)

    def promtool(self, *arguments: str, cwd: Path, text: str = "") -> str:
        """What promtool says. Raises ClusterError with it where promtool finds fault."""
        return self._run("promtool", *arguments, cwd=cwd, text=text)

    def find_uses(self, expressions: list[str]) -> list[set[Use]]:
        """What each expression needs. Raises ClusterError for one that is none."""
        answer = self._run("queries", cwd=Path.cwd(), text=json.dumps(expressions))
        return [{Use(**use) for use in uses} for uses in json.loads(answer)]

    def _run(self, program: str, *arguments: str, cwd: Path, text: str) -> str:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=cwd, input=text, text=True, capture_output=True)
        if done.returncode:
            raise ClusterError(f"{program} {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


def _get_key() -> str:
    content = b"".join(path.read_bytes() for path in sorted(MODULE.iterdir()))
    return f"{platform.machine()}-{hashlib.sha256(content).hexdigest()[:12]}"


def _build(directory: Path) -> None:
    go = make_go(get_go_version((MODULE / "go.mod").read_text()))
    directory.mkdir()
    build_package(go, MODULE, _PROMTOOL, directory / "promtool", "-s -w", _TAGS)
    build_package(go, MODULE, ".", directory / "queries", "-s -w", _TAGS)

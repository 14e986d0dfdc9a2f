"""Where the cluster keeps its files."""

import os
from pathlib import Path

from .errors import ClusterError

NAMES = ("", "faults")
"""The clusters that can run side by side: the shared one, and one whose parts tests may stop."""

NAME = os.environ.get("JHUB_GATEWAY_CLUSTER", "")
"""The cluster that this process works on."""

if NAME not in NAMES:
    raise ClusterError(f"JHUB_GATEWAY_CLUSTER is {NAME!r}: leave it out, or say `faults`.")

ROOT = Path(__file__).resolve().parents[2]
"""The repository: also the build context of the user image."""


def get_state(name: str) -> Path:
    """The folder of everything that belongs to this checkout's cluster `name`; git-ignored."""
    return ROOT / f".cluster{_make_suffix(name)}"


def get_run(name: str) -> Path:
    """Sockets and mounts of its node: a short path, because a socket's path ends at 108 bytes."""
    return Path(f"/run/jhub-gateway-cluster{_make_suffix(name)}")


def _make_suffix(name: str) -> str:
    return f"-{name}" if name else ""


STATE = get_state(NAME)

KUBECONFIG = STATE / "kubeconfig"
BIN = STATE / "bin"
LOGS = STATE / "logs"
PKI = STATE / "pki"
STORAGE = STATE / "storage"

RUN = get_run(NAME)


def make_private_dir(path: Path) -> Path:
    """Make `path` and its parents; only the owner may look inside of it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path

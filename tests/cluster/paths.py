"""Where the cluster keeps its files."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository: also the build context of the user image."""

STATE = ROOT / ".cluster"
"""Everything that belongs to this checkout's cluster; git-ignored."""

KUBECONFIG = STATE / "kubeconfig"
BIN = STATE / "bin"
LOGS = STATE / "logs"
PKI = STATE / "pki"
STORAGE = STATE / "storage"

RUN = Path("/run/jhub-gateway-cluster")
"""Sockets and mounts of the node: a short path, because a socket's path ends at 108 bytes."""


def make_private_dir(path: Path) -> Path:
    """Make `path` and its parents; only the owner may look inside of it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path

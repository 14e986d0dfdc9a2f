"""Where the demo keeps its files."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""

DEMO = ROOT / "demo"
PROXY = DEMO / "proxy"
IDENTITY_PROVIDER = DEMO / "identity-provider"

STATE = ROOT / ".demo"
"""All that the demo makes, except the two folders `node_modules`; git-ignored."""

ENVIRONMENT = STATE / "venv"
NODE = STATE / "node"
LOGS = STATE / "logs"


def make_private_directory(path: Path) -> Path:
    """Make ``path`` and its parents; only the owner may look inside of it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path

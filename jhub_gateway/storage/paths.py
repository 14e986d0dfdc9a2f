"""Where the parts of a home are on the share. ``directory`` is the home's directory name."""

from pathlib import Path

from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.layout import HOMES, NAMES, OWNERS, USAGE

USAGE_RECORD = "usage.json"  # in a home's directory of usage: what was measured
SHARE_RECORD = "share.json"  # at the root of usage: what all of it takes together
RESCUE = "rescue"  # in a home's directory of usage, while its last start was in rescue mode
MOVE = ".move"  # how the note of a move that is under way ends
OWNER = ".json"


def home_path(root: Path, directory: str) -> Path:
    return root / HOMES / directory


def owner_path(root: Path, directory: str) -> Path:
    return root / OWNERS / f"{directory}{OWNER}"


def move_path(root: Path, directory: str) -> Path:
    """The note that this home is on its way to another identity."""
    return root / OWNERS / f"{directory}{MOVE}"


def name_path(root: Path, name: str) -> Path:
    return root / NAMES / make_directory_name(name)


def usage_path(root: Path, directory: str) -> Path:
    return root / USAGE / HOMES / directory

"""What is mounted below the folders of the node."""

import subprocess
from pathlib import Path

from .errors import ClusterError


def get_mounts_below(*folders: Path) -> list[str]:
    """The mount points below any of `folders`, the last mounted first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].encode().decode("unicode_escape") for line in lines]
    below = [point for point in points if any(f in Path(point).parents for f in folders)]
    return below[::-1]


def unmount_below(*folders: Path) -> None:
    """Unmount everything below `folders`.

    Raises ClusterError if something stays: what follows removes these folders, and through a
    mount that would remove users' files.
    """
    for point in get_mounts_below(*folders):
        subprocess.run(["umount", "--lazy", "--", point], capture_output=True)
    if stayed := get_mounts_below(*folders):
        raise ClusterError(f"These are still mounted: {', '.join(stayed)}")

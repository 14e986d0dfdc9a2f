"""A Debian root file system from the machine's own package mirror, in place of a pulled image."""

import os
import subprocess
import tempfile
from pathlib import Path

from . import process
from .errors import ClusterError

LEFT_OUT = (
    *("./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/*", "./var/lib/apt/lists/*"),
    *("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/info/*", "./usr/share/locale/*"),
)
"""What Debian's own slim images do without, too."""


def make_root_filesystem(image: str, target: Path, log: str) -> None:
    """Write a tar archive that stands for `image`, such as ``debian:bookworm-slim``."""
    name, _, tag = image.rpartition(":")
    suite = tag.removesuffix("-slim")
    if name != "debian":
        raise ClusterError(
            f"binder/Dockerfile starts from {image}: the tests can only make debian:<suite>."
        )
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        Path(directory).chmod(0o755)
        process.run(
            log,
            ["debootstrap", "--variant=minbase", suite, directory, *find_mirrors(suite)],
            get_proxy_settings(),
        )
        exclude = Path(directory, "etc/dpkg/dpkg.cfg.d/slim")
        exclude.write_text("".join(f"path-exclude {path[1:]}\n" for path in LEFT_OUT[5:]))
        excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        process.run(log, ["tar", "--numeric-owner", *excluded, "-C", directory, "-cf", target, "."])


def find_mirrors(suite: str) -> list[str]:
    """The mirror that this machine's apt has for a suite; without one debootstrap takes its own."""
    try:
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"],
            text=True,
            capture_output=True,
        ).stdout.splitlines()
    except FileNotFoundError:
        return []
    rows = [line.split() for line in targets]
    return [row[0] for row in rows if row[1:] == [suite, "main"]][:1]


def get_proxy_settings() -> dict[str, str]:
    """The proxy of this machine's apt, for programs that know only the environment's."""
    settings = {}
    for variable in ("http_proxy", "https_proxy"):
        if variable in os.environ:
            continue
        option = f"Acquire::{variable.partition('_')[0]}::Proxy"
        try:
            done = subprocess.run(
                ["apt-config", "dump", "--format", "%v%n", option], text=True, capture_output=True
            )
        except FileNotFoundError:
            return {}
        if (proxy := done.stdout.strip()) and proxy != "DIRECT":
            settings[variable] = proxy
    return settings

"""What the node level needs of the machine, checked before anything is started."""

import os
import shutil

from .errors import RequirementError

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""The Debian package that each program comes from."""

CNI_DIRECTORIES = ("/usr/lib/cni", "/opt/cni/bin")

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def check_node_requirements() -> None:
    """Raise RequirementError, saying what to install, if this machine can run no node."""
    if os.geteuid() != 0:
        raise RequirementError(
            "The node level needs root: run the command as root, or ask for less with "
            "`--level control-plane`."
        )
    extend_path()
    missing = {package for name, package in PACKAGES.items() if shutil.which(name) is None}
    if find_cni_directory() is None:
        missing.add("containernetworking-plugins")
    if not os.path.exists("/proc/sys/net/bridge"):
        raise RequirementError("The node level needs a kernel module: modprobe br_netfilter")
    if missing:
        names = " ".join(sorted(missing))
        raise RequirementError(
            f"The node level needs programs that are missing: apt-get install {names}"
        )


def find_cni_directory() -> str | None:
    """Where the bridge plugin and its companions are installed, or None."""
    for directory in CNI_DIRECTORIES:
        if os.access(f"{directory}/bridge", os.X_OK):
            return directory
    return None


def extend_path() -> None:
    """Let programs of the system administrator be found, however root's shell was entered."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"

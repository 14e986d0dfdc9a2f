"""How a user's home gets into their pod: the shared claim, one directory of it, made beforehand."""

from typing import Any

from jhub_gateway.policy.layout import HOMES

Manifest = dict[str, Any]

VOLUME_NAME = "gateway-share"
_SHARE = "/gateway-share"

# kubelet would make a missing sub-path as root:root 0755, where the user can't write. The
# directory's name comes as an argument, never as a part of the script.
_MAKE_HOME = """
set -eu
fail() { echo "$1" >&2; exit 1; }
cd "$1"
mkdir -p "$2" || fail "uid $(id -u) cannot write to the shared volume: give its root to that uid"
[ -d "$2/$3" ] || mkdir -m 0700 "$2/$3" || [ -d "$2/$3" ] || fail "cannot make the home $3"
[ ! -L "$2/$3" ] || fail "the home $3 is a symbolic link: it is not mounted"
[ -w "$2/$3" ] || chmod u+rwx "$2/$3" 2>/dev/null || true
[ -w "$2/$3" ] || fail "uid $(id -u) cannot write to the home $3: it belongs to somebody else"
"""


def make_volume(claim: str) -> Manifest:
    """Return the pod's volume for the shared ReadWriteMany claim."""
    return {"name": VOLUME_NAME, "persistentVolumeClaim": {"claimName": claim}}


def make_home_mount(directory: str, path: str) -> Manifest:
    """Return the mount of the home ``directory`` at ``path`` in the user's container."""
    return {"name": VOLUME_NAME, "mountPath": path, "subPath": f"{HOMES}/{directory}"}


def make_home_init_container(image: str, directory: str, security_context: Manifest) -> Manifest:
    """Return the init container that makes the home ``directory`` on the share if it isn't there.

    It sees every home, so it runs the operator's ``image`` and never the user's. Its last words
    become the pod's termination message, for the operator to read.
    """
    return {
        "name": "gateway-home",
        "image": image,
        "command": ["/bin/sh", "-c", _MAKE_HOME, "gateway-home", _SHARE, HOMES, directory],
        "volumeMounts": [{"name": VOLUME_NAME, "mountPath": _SHARE}],
        "securityContext": security_context,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi"},
        },
    }

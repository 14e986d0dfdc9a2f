"""kubeconfig files: who talks to the API server, and how."""

import base64
import os
from pathlib import Path

import yaml

from .paths import PKI
from .pki import Credential


def write_kubeconfig(path: Path, server: str, credential: Credential) -> None:
    """Write a kubeconfig that holds its certificates, so that it can be copied anywhere."""
    name = "jhub-gateway-test"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": _encode(PKI / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _encode(credential.certificate),
                    "client-key-data": _encode(credential.key),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    write_private(path, yaml.safe_dump(content, sort_keys=False))


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner reads; with sudo, the owner is who called sudo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "-1")))


def _encode(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()

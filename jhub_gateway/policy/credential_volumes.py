"""How a user's pod sees the Secret of their credentials."""

from typing import Any

CREDENTIALS = "gateway-credentials"
# Beside the place where Kubernetes puts a service account's own.
CREDENTIALS_PATH = "/var/run/secrets/gateway"


def make_credential_volume(secret: str) -> dict[str, Any]:
    """Return the pod's volume. The user's group reads it, by the pod's ``fsGroup``."""
    return {"name": CREDENTIALS, "secret": {"secretName": secret, "defaultMode": 0o440}}


def make_credential_mount() -> dict[str, Any]:
    """Return the mount of the whole directory; one by ``subPath`` would never change."""
    return {"name": CREDENTIALS, "mountPath": CREDENTIALS_PATH, "readOnly": True}

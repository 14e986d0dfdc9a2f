"""The Secret that holds one user's credentials at one hub: its name, and what is sent for it."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from jhub_gateway.policy.directories import make_owner_label
from jhub_gateway.policy.labels import DATABASE, HUB, OWNER

COMPONENT = "jhub-gateway/component"
CREDENTIALS = "credentials"
USERNAME = "jhub-gateway/username"
RENEWING = "jhub-gateway/renewing"


def make_secret_name(hub_name: str, identity: str) -> str:
    """Return the name of the user's Secret: 60 characters, another for each hub and identity."""
    both = json.dumps([hub_name, identity])
    return f"gateway-credentials-{hashlib.sha256(both.encode()).hexdigest()[:40]}"


def make_secret_labels(hub_name: str, identity: str, database_id: str = "") -> dict[str, str]:
    """Return the Secret's labels. Raises IdentityError for an identity that names nobody.

    ``database_id`` says which database knows whether its user has a server.
    """
    return {
        HUB: hub_name,
        OWNER: make_owner_label(identity),
        COMPONENT: CREDENTIALS,
        DATABASE: database_id,
    }


def make_secret_selector(hub_name: str, database_id: str = "") -> str:
    """Return the label selector of all users' Secrets at this hub and its database."""
    return f"{HUB}={hub_name},{COMPONENT}={CREDENTIALS},{DATABASE}={database_id}"


def make_secret_manifest(
    name: str,
    labels: Mapping[str, str],
    username: str,
    files: Mapping[str, bytes],
    renewing: str | None = None,
) -> dict[str, Any]:
    """Return the Secret to create. ``renewing`` is the id of who is about to renew it."""
    annotations = {USERNAME: username} | ({RENEWING: renewing} if renewing else {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": dict(labels), "annotations": annotations},
        "type": "Opaque",
        "data": _encode(files),
    }


def make_renewing_patch(version: str, renewing: str | None) -> dict[str, Any]:
    """Return the merge patch that notes who renews, or nobody, if ``version`` is still current."""
    return {"metadata": {"resourceVersion": version, "annotations": {RENEWING: renewing}}}


def make_files_patch(
    version: str, files: Mapping[str, bytes], names: Iterable[str]
) -> dict[str, Any]:
    """Return the merge patch from a Secret with keys ``names`` to one with just these files.

    It fails if ``version`` isn't current.
    """
    gone = dict.fromkeys(set(names) - set(files))
    return {"metadata": {"resourceVersion": version}, "data": {**gone, **_encode(files)}}


def _encode(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: b64encode(content).decode() for name, content in files.items()}

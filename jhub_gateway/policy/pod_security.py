"""The restricted Pod Security standard, as defaults that an operator's own settings override.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]

_WHO = ("runAsUser", "runAsGroup")

_CONTAINER: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
# A changed owner at the volume's root is enough to know that all below it needs changing; looking
# at each file takes minutes for a home with many.
_POD: Mapping[str, Any] = {
    "fsGroupChangePolicy": "OnRootMismatch",
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def make_restricted_container_context(configured: Mapping[str, Any] | None) -> Manifest:
    """Return a container's ``securityContext``: what is configured over the defaults."""
    return {**_CONTAINER, **(configured or {})}


def pick_user(context: Mapping[str, Any] | None) -> Manifest:
    """Return the part of a container's ``securityContext`` that says who runs it."""
    return {key: (context or {})[key] for key in _WHO if key in (context or {})}


def make_restricted_pod_context(configured: Mapping[str, Any] | None) -> Manifest:
    """Return a pod's ``securityContext``: what is configured over the defaults."""
    return {**_POD, **(configured or {})}

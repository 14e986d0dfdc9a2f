"""The init containers of a user pod, which run the operator's image and never the user's.

The first sees the whole share, so it touches nothing that a user can change: what is in a home
may be a link to anywhere. The second sees the one home alone, and works inside it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jhub_gateway.models import Owner
from jhub_gateway.policy.layout import HOMES, TUTORIALS
from jhub_gateway.policy.share_volumes import SHARE

Manifest = dict[str, Any]

PREPARE = "gateway-home"
FILL = "gateway-files"

_SHARE_PATH = "/gateway-share"
_HOME_PATH = "/home-directory"
_TUTORIALS_PATH = "/tutorials"
# Python's arguments for what runs before a server: isolated, so that nothing of the environment or
# of a home is imported.
STORAGE_MODULE = ("-I", "-m", "jhub_gateway.storage")


def make_prepare_container(
    image: str,
    owner: Owner,
    folders: Iterable[str],
    datasets: Iterable[str],
    rescue: bool,
    security_context: Manifest,
) -> Manifest:
    """Return the init container that checks the owner, and makes what is to be mounted.

    ``folders`` are names below ``groups/``, ``datasets`` paths below ``datasets/`` of the share.
    """
    request = {
        "owner": asdict(owner),
        "folders": list(folders),
        "datasets": list(datasets),
        "rescue": rescue,
    }
    mounts = [{"name": SHARE, "mountPath": _SHARE_PATH}]
    return {
        **_make_container(PREPARE, image, mounts, security_context),
        "command": ["python3", *STORAGE_MODULE, "prepare", _SHARE_PATH, _write(request)],
    }


def make_fill_container(
    image: str,
    directory: str,
    releases: Iterable[str],
    links: Mapping[str, str],
    security_context: Manifest,
) -> Manifest:
    """Return the init container that puts tutorials and links into the home ``directory``."""
    mounts: list[Manifest] = [
        {"name": SHARE, "mountPath": _HOME_PATH, "subPath": f"{HOMES}/{directory}"},
        {"name": SHARE, "mountPath": _TUTORIALS_PATH, "subPath": TUTORIALS, "readOnly": True},
    ]
    request = make_fill_request(releases, links)
    return {
        **_make_container(FILL, image, mounts, security_context),
        "command": ["python3", *STORAGE_MODULE, "fill", _HOME_PATH, _TUTORIALS_PATH, request],
    }


def make_fill_request(releases: Iterable[str], links: Mapping[str, str]) -> str:
    """Return the request of ``python -m jhub_gateway.storage fill``: releases and links by name."""
    return _write({"tutorials": list(releases), "links": dict(links)})


def read_refusal(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what the first init container refused: the sentence for the user, and the cause.

    ``pod`` is the pod as the API server has it. ``None`` while nothing is refused.
    """
    statuses = pod.get("status", {}).get("initContainerStatuses") or ()
    for status in statuses:
        if status.get("name") == PREPARE:
            states = (status.get("state") or {}, status.get("lastState") or {})
            # Only the last run that ended counts: one that went well may have come after another.
            ended: Mapping[str, Any] = next(
                filter(None, (one.get("terminated") for one in states)), {}
            )
            if ended.get("exitCode"):
                return _read_message(ended)
    return None


def _read_message(ended: Mapping[str, Any]) -> tuple[str, str]:
    message = ended.get("message") or ""
    try:
        refusal = json.loads(message)
        return str(refusal["sentence"]), str(refusal["cause"])
    except (ValueError, KeyError, TypeError, RecursionError):
        cause = f"the init container {PREPARE} ended with {ended.get('exitCode')}: {message}"
        return UNKNOWN_PROBLEM, cause


UNKNOWN_PROBLEM = (
    "Your home can't be opened just now. Try again in some minutes, and ask the gateway's support "
    "if that doesn't help."
)


def _make_container(
    name: str, image: str, mounts: Sequence[Manifest], security_context: Manifest
) -> Manifest:
    return {
        "name": name,
        "image": image,
        "workingDir": "/",
        "volumeMounts": list(mounts),
        "securityContext": security_context,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "1", "memory": "128Mi"},
        },
    }


def _write(request: Mapping[str, Any]) -> str:
    # Kubernetes takes $(NAME) in a command for a variable.
    return json.dumps(request, sort_keys=True).replace("$", "\\u0024")

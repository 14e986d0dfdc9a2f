"""Why a container's image is not there yet, or will not be."""

import re
from collections.abc import Sequence

from jhub_gateway.models import Reason
from jhub_gateway.policy.container_facts import ContainerFacts
from jhub_gateway.policy.kube_objects import Object, read_event_time, read_text
from jhub_gateway.policy.reason_codes import make_name, make_reason

_PULL_FAILURES = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}
)
# What a registry or the network may do differently a minute later.
_PASSING = re.compile(
    r"dial tcp|lookup |i/o timeout|timed? ?out|connection re(fused|set)|no such host|\bEOF\b|"
    r"deadline exceeded|too ?many ?requests|rate limit|server misbehaving|"
    r"\b(408|429|500|502|503|504)\b|temporarily|no space left|canceled",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"access denied|\b40[13]\b|unauthorized|authentication required|insufficient_scope|"
    r"no basic auth credentials|denied:|is denied|authorization failed|forbidden|"
    r"permissiondenied|unauthenticated|signature ?validation",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"(?<!file )not found|notfound|(manifest|name|repository)[ _](unknown|invalid)|no such image|"
    r"no match for platform|no matching manifest|does not exist|\b404\b|invalid reference",
    re.IGNORECASE,
)
_SLOW_SECONDS = 60
# Before Kubernetes 1.32 the status of a container that backs off only says so.
_SAYS_WHY = re.compile(r'^(?!Back-off pulling image "[^"]*"$).')
# Names of images and addresses hold any word.
_NAMES = re.compile(r'"[^"]*"|https?://\S+|\[manifests [^\]]*\]')


def find_image_reason(container: ContainerFacts, events: Sequence[Object]) -> Reason | None:
    """Return why the container waits for its image; None if it doesn't.

    ``events`` are the pod's own, the newest last.
    """
    waiting = read_text(container.waiting, "reason")
    cause = container.describe_waiting()
    if waiting in ("InvalidImageName", "ErrImageNeverPull"):
        return _make_not_found(container, cause)
    if waiting == "SignatureValidationFailed":
        return _make_denied(container, cause)
    if waiting in _PULL_FAILURES:
        return _judge_failure(container, cause, _find_failure(container, events))
    return None


def find_download(
    containers: Sequence[ContainerFacts], events: Sequence[Object], now: float | None
) -> Reason | None:
    """Return which image the machine is downloading; None if it is at something else.

    ``now`` is in seconds since 1970; without it no download is called slow.
    """
    waiting = next((one for one in containers if one.waiting and not one.ended), None)
    own = [event for event in events if waiting is None or _is_about(event, waiting)]
    if not own or read_text(own[-1], "reason") != "Pulling":
        return None
    message = read_text(own[-1], "message")
    image = _name_image(message.partition('"')[2].partition('"')[0])
    if now is not None and now - read_event_time(own[-1]) > _SLOW_SECONDS:
        sentence = f"Still downloading {image} to the machine of your server, which takes long."
        return make_reason("image-pull-slow", sentence, message, is_final=False)
    sentence = f"Downloading {image} to the machine of your server."
    return make_reason("pulling-image", sentence, message, is_final=False)


def _is_about(event: Object, container: ContainerFacts) -> bool:
    field = read_text(event, "involvedObject", "fieldPath")
    return field.endswith(f"{{{container.name}}}") or (
        not field and bool(container.image) and container.image in read_text(event, "message")
    )


def _judge_failure(container: ContainerFacts, cause: str, failure: str) -> Reason:
    said = read_text(container.waiting, "message")
    if not _SAYS_WHY.search(said):
        said, cause = failure, f"{cause} {failure}".strip()
    words = _NAMES.sub(" ", said.replace(container.image or '""', " "))
    if _PASSING.search(words):
        return _make_slow(container, cause)
    # A registry that hides what is private says both in one sentence.
    if _DENIED.search(words):
        return _make_denied(container, cause)
    if _NOT_FOUND.search(words):
        return _make_not_found(container, cause)
    return _make_slow(container, cause)


def _find_failure(container: ContainerFacts, events: Sequence[Object]) -> str:
    """Return what the kubelet last said of pulling this image, in an event."""
    for event in reversed(events):
        message = read_text(event, "message")
        if read_text(event, "reason") == "Failed" and "pull image" in message:
            if container.image and container.image not in message:
                continue
            return message
    return ""


def _make_not_found(container: ContainerFacts, cause: str) -> Reason:
    sentence = f"{_begin(container)} can't be found. {_ask(container)}"
    return make_reason("image-not-found", sentence, cause)


def _make_denied(container: ContainerFacts, cause: str) -> Reason:
    sentence = f"{_begin(container)} may not be downloaded. {_ask(container)}"
    return make_reason("image-pull-denied", sentence, cause)


def _make_slow(container: ContainerFacts, cause: str) -> Reason:
    sentence = f"Trying to download {_name_image(container.image)} again, after a failure."
    return make_reason("image-pull-slow", sentence, cause, is_final=False)


def _name_image(image: str) -> str:
    name = make_name(image)
    return f"the image {name}" if name else "an image"


def _begin(container: ContainerFacts) -> str:
    return _name_image(container.image).replace("the ", "The ", 1).replace("an ", "An ", 1)


def _ask(container: ContainerFacts) -> str:
    if container.is_notebook:
        return "Choose another image or size, or tell the gateway's operators."
    return "Tell the gateway's operators."

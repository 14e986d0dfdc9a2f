"""How the values of settings' entries are read. All raise ValueError with the reason."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from jhub_gateway.policy.quantities import parse_memory

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}", re.ASCII)

read_memory = parse_memory
read_size = parse_memory


def read_slug(value: object) -> str:
    """Return a name that fits a URL, a form field and a Kubernetes label."""
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise ValueError(
            f"{value!r} is no slug; use 1 to 63 lower-case letters, digits and inner hyphens"
        )
    return value


def read_text(value: object) -> str:
    """Return a text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no text")
    return value.strip()


def read_number(value: object) -> float:
    """Return a finite number above zero; "500m" is Kubernetes' way to write 0.5."""
    text = str(value)
    try:
        number = float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise ValueError(f"{value!r} is no number of cores; write for example 0.5 or 2")
    return number


def read_flag(value: object) -> bool:
    """Return a boolean; YAML's quoted "false" would count as true, so it is refused."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} must be true or false")
    return value


def read_groups(value: object) -> frozenset[str]:
    """Return group names, compared exactly. An empty list is refused: it admits nobody."""
    if not isinstance(value, (list, tuple, set, frozenset)) or not value:
        raise ValueError(f"{value!r} must be a list of group names; leave it out for everybody")
    return frozenset(read_text(group) for group in value)


def read_labels(value: object) -> dict[str, str]:
    """Return node labels; Kubernetes wants both sides as text."""
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for item in value.items() for part in item
    ):
        raise ValueError(f"{value!r} must map label names to values, both as quoted text")
    return dict(value)


def read_counts(value: object) -> dict[str, str]:
    """Return how many of each extended resource; Kubernetes wants the numbers as text."""
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and type(count) is int and count > 0 for name, count in value.items()
    ):
        raise ValueError(f"{value!r} must map resources to how many, such as nvidia.com/gpu: 1")
    return {name: str(count) for name, count in value.items()}


def read_mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping whose keys are read elsewhere."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} must be a mapping")
    return dict(value)


def read_mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    """Return Kubernetes objects such as tolerations, untouched."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, Mapping) for v in value):
        raise ValueError(f"{value!r} must be a list of mappings")
    return tuple(value)


def read_component(value: object) -> str:
    """Return a name that is safe as one component of a path and in a URL."""
    if not isinstance(value, str) or not _COMPONENT.fullmatch(value):
        raise ValueError(
            f"{value!r} is no name for a directory; use letters, digits, dots, hyphens and "
            "underscores, a letter or digit first, 100 characters at most"
        )
    return value


def read_sub_path(value: object) -> str:
    """Return a relative path whose components are each safe."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no path")
    return "/".join(read_component(part) for part in value.strip("/").split("/"))


def read_choice(*choices: str) -> Callable[[object], str]:
    """Return a reader of one of the given texts."""

    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not {' or '.join(map(repr, choices))}")
        return str(value)

    return read


def read_git_address(value: object) -> str:
    """Return the address of a public git repository. It is shown in pods, so it holds no password.

    Only https: over http anybody on the way could put programs into it, and git's other transports
    can run some by themselves.
    """
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"{value!r} is no address of a git repository such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user name or password would be seen by all users")
    return str(value)


def read_branch(value: object) -> str:
    """Return the name of a branch; one with a hyphen first would be an option of git's."""
    if not isinstance(value, str) or not _BRANCH.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a git branch")
    return value

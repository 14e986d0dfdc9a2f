"""Tutorials that every home gets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jhub_gateway.models import Tutorial
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_branch, read_component, read_git_address
from jhub_gateway.policy.layout import TUTORIALS

_KIND = EntryKind(
    trait="tutorials",
    noun="tutorial",
    required=("name",),
    readers={"name": read_component, "git": read_git_address, "branch": read_branch},
)


def parse_tutorials(entries: Sequence[Mapping[str, Any]]) -> tuple[Tutorial, ...]:
    """Return the tutorials that an operator wrote as ``tutorials``. Raises ConfigurationError."""
    tutorials = tuple(Tutorial(**values) for values in _KIND.read(entries))
    _KIND.check_unique([tutorial.name for tutorial in tutorials])
    for tutorial in tutorials:
        if tutorial.branch and not tutorial.git:
            raise _KIND.fail(tutorial.name, "it has a branch, and no git address")
    return tutorials


def list_releases(tutorials: Iterable[Tutorial]) -> list[str]:
    """Return the names of those that are copied from the share."""
    return [tutorial.name for tutorial in tutorials if tutorial.git is None]


def list_pulls(tutorials: Iterable[Tutorial]) -> list[dict[str, str | None]]:
    """Return those that are pulled from git, as the notebook server reads them.

    ``directory`` is relative to the home.
    """
    return [
        {
            "url": tutorial.git,
            "branch": tutorial.branch,
            "directory": f"{TUTORIALS}/{tutorial.name}",
        }
        for tutorial in tutorials
        if tutorial.git is not None
    ]

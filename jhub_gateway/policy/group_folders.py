"""Shared folders: which of them the members of a group find in their servers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jhub_gateway.models import GroupFolder
from jhub_gateway.policy.directories import make_directory_name
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_choice, read_component, read_text

READ_ONLY, READ_WRITE = "read-only", "read-write"
_KIND = EntryKind(
    trait="group_folders",
    noun="group",
    required=("group",),
    readers={
        "group": read_text,
        "folder": read_component,
        "access": read_choice(READ_ONLY, READ_WRITE),
    },
)


def parse_group_folders(entries: Sequence[Mapping[str, Any]]) -> tuple[GroupFolder, ...]:
    """Return the folders that an operator wrote as ``group_folders``.

    A group's folder is named after the group, by the rule for homes, unless the entry says
    otherwise; so no group's name leads anywhere else. Raises ConfigurationError.
    """
    folders = tuple(
        GroupFolder(
            group=values["group"],
            folder=values.get("folder") or make_directory_name(values["group"]),
            read_only=values.get("access", READ_ONLY) == READ_ONLY,
        )
        for values in _KIND.read(entries)
    )
    _check_unique(folders)
    return folders


def choose_folders(
    folders: Iterable[GroupFolder], groups: Collection[str]
) -> tuple[GroupFolder, ...]:
    """Return the folders that a member of ``groups`` gets, one entry each, sorted by folder.

    Groups are compared exactly. Where several groups give the same folder, one that may write
    goes first.
    """
    mine: dict[str, GroupFolder] = {}
    for folder in folders:
        if folder.group in groups:
            known = mine.get(folder.folder)
            if known is None or (known.read_only and not folder.read_only):
                mine[folder.folder] = folder
    return tuple(mine[name] for name in sorted(mine))


def find_lost_folders(
    mounted: Iterable[GroupFolder], current: Iterable[GroupFolder]
) -> tuple[GroupFolder, ...]:
    """Return what a server still has mounted, and its owner would not get today.

    ``current`` is what they would get; a folder that they may only read now, and which the
    server can write, is lost too.
    """
    access = {folder.folder: folder.read_only for folder in current}
    return tuple(
        folder
        for folder in mounted
        if folder.folder not in access or (access[folder.folder] and not folder.read_only)
    )


def _check_unique(folders: Sequence[GroupFolder]) -> None:
    seen = set()
    for folder in folders:
        if (folder.group, folder.folder) in seen:
            raise _KIND.fail(folder.group, f"folder {folder.folder!r} is there twice")
        seen.add((folder.group, folder.folder))

"""How much memory all servers of one user may have together."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jhub_gateway.errors import ConfigurationError, TooMuchForUser
from jhub_gateway.models import MemoryProfile, UserMemoryLimit
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_groups, read_size
from jhub_gateway.policy.groups import is_open_to
from jhub_gateway.policy.quantities import format_memory

_KIND = EntryKind(
    trait="max_memory_per_user",
    noun="size",
    required=("size",),
    readers={"size": read_size, "groups": read_groups},
)
# A user may name many servers; the sentence stays one.
_MOST_NAMED = 5


def parse_user_memory(
    setting: str | Sequence[Mapping[str, Any]],
) -> tuple[UserMemoryLimit, ...]:
    """Return the limits that an operator wrote as ``max_memory_per_user``: a size, or entries.

    Raises ConfigurationError.
    """
    if not setting:
        return ()
    if isinstance(setting, str):
        try:
            return (UserMemoryLimit(read_size(setting)),)
        except ValueError as error:
            raise ConfigurationError(f"max_memory_per_user: {error}") from None
    return tuple(UserMemoryLimit(**values) for values in _KIND.read(setting))


def find_user_memory(limits: Iterable[UserMemoryLimit], groups: Collection[str]) -> int | None:
    """Return the largest limit for a member of ``groups``, in bytes; ``None`` is no limit."""
    sizes = [limit.size for limit in limits if is_open_to(groups, limit.groups)]
    return max(sizes, default=None)


def check_user_memory(
    limit: int | None, profile: MemoryProfile, running: Mapping[str, int]
) -> None:
    """Raise TooMuchForUser, with a sentence for the user, if the start goes beyond the limit.

    ``running`` has the bytes of the user's other servers by name, ``""`` for the default one.
    """
    if limit is None or profile.memory + sum(running.values()) <= limit:
        return
    most = f"All your servers together may have {format_memory(limit)}"
    wanted = f"{profile.display_name} needs {format_memory(profile.memory)}"
    if profile.memory > limit or not running:
        raise TooMuchForUser(f"{most}, and {wanted}. Choose a smaller size.")
    raise TooMuchForUser(
        f"{most}, and {wanted} beside {_list_running(running)}. Stop one of those first, or choose "
        "a smaller size."
    )


def _list_running(running: Mapping[str, int]) -> str:
    largest = sorted(running.items(), key=lambda one: (-one[1], one[0]))
    words = [
        f"{f'the server {name!r}' if name else 'your default server'} ({format_memory(memory)})"
        for name, memory in largest[:_MOST_NAMED]
    ]
    more = len(largest) - len(words)
    if more:
        words.append(f"{more} more")
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"

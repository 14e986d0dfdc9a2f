"""Who may have what: the one rule by which groups open it."""

from collections.abc import Collection


def is_open_to(groups: Collection[str], allowed: frozenset[str] | None) -> bool:
    """Whether a member of ``groups`` may have what is for ``allowed``; ``None`` is for everybody.

    Names are compared exactly: ``/x/admin`` is not ``admin``.
    """
    return allowed is None or not allowed.isdisjoint(groups)

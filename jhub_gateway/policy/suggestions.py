"""What somebody meant who wrote a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def find_meant(name: object, known: Iterable[str]) -> str | None:
    """Return the nearest of the known names, or None if none is near."""
    nearest = get_close_matches(str(name), list(known), n=1, cutoff=0.75)
    return nearest[0] if nearest else None


def suggest(name: object, known: Iterable[str]) -> str:
    """Return a few words that name the nearest one, to go behind the wrong name, or nothing."""
    meant = find_meant(name, known)
    return f" (did you mean {meant!r}?)" if meant else ""

"""What somebody meant who wrote a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: object, known: Iterable[str]) -> str:
    """Return a few words that name the nearest one, to go behind the wrong name, or nothing."""
    nearest = get_close_matches(str(name), list(known), n=1, cutoff=0.75)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""

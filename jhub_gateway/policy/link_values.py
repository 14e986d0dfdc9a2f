"""How the values in links are read. All raise ValueError with the reason, which a user may read."""

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST_PATH = 300  # characters
LONGEST_TEXT = 200  # characters
_SUFFIX = ".ipynb"
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
# A colon is a drive's in JupyterLab; the others are somebody's attempt at another address.
_NEVER_IN_PATHS = frozenset("\\:%?#")


def read_notebook(value: str) -> str:
    """Return the path of a notebook below the home, which leads nowhere else.

    It is refused rather than put right: no link that a gateway makes has ``..`` in it.
    """
    if len(value) > LONGEST_PATH:
        raise ValueError(f"its path is longer than {LONGEST_PATH} characters")
    _check_shown(value, "path")
    if value.startswith("/"):
        raise ValueError("its path must be below the home, and not begin with a slash")
    if found := sorted(_NEVER_IN_PATHS & set(value)):
        raise ValueError(f"its path has the character {found[0]!r}")
    for part in value.split("/"):
        _check_component(part)
    if PurePosixPath(value).suffix != _SUFFIX:
        raise ValueError(f"its path does not end in {_SUFFIX}")
    return value


def read_words(value: str) -> str:
    """Return a text of one line that shows all that is in it."""
    if not value or len(value) > LONGEST_TEXT:
        raise ValueError(f"a value has {len(value)} characters, and 1 to {LONGEST_TEXT} are meant")
    _check_shown(value, "value")
    return value


def read_parameter(name: str) -> str:
    """Return the name of a parameter: a letter, and up to 39 letters, digits, ``_`` and ``-``."""
    if not _PARAMETER.fullmatch(name):
        raise ValueError("the name of a parameter has other characters than letters and digits")
    return name


def _check_component(part: str) -> None:
    if not part:
        raise ValueError("its path has two slashes in a row, or one at its end")
    # Also "." and "..", and what holds keys and settings, such as .ssh and .jupyter.
    if part.startswith("."):
        raise ValueError("its path has a name that begins with a dot")
    if part != part.strip():
        raise ValueError("its path has a name with a blank at an end")


def _check_shown(value: str, noun: str) -> None:
    """Refuse what a page shows as something else: control characters, turns of direction."""
    if any(unicodedata.category(one)[0] == "C" or one in "\u2028\u2029" for one in value):
        raise ValueError(f"its {noun} has a character that can't be seen")

"""Values of an example that an operator was to replace, and has not.

They are the word ``CHANGE-ME`` anywhere in a text, and host names under the domains that RFC 2606
reserves for examples in whatever looks like an address.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from jhub_gateway.errors import ConfigurationError
from jhub_gateway.policy.setting_paths import Path, format_path

MARK = "CHANGE-ME"
# A host alone, or with what an address has around it: https://host/path, host/image:1, me@host.
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^\s/@]*@)?(?P<host>[a-z0-9.-]+)(?::\d+)?(?:[/?#:]\S*)?",
    re.IGNORECASE | re.ASCII,
)
_RESERVED = re.compile(
    r"(?:.*\.)?(?:example\.(?:org|com|net)|[^.]+\.(?:example|invalid))", re.IGNORECASE
)


def check_no_placeholders(settings: Mapping[str, object]) -> None:
    """Raise ConfigurationError for settings that are still an example's, all of them together.

    ``settings`` are a hub's, by class and trait.
    """
    for problem in find_placeholders(settings):
        raise problem


def find_placeholders(value: object, path: Path = ()) -> Iterator[ConfigurationError]:
    """Yield each text in a setting's value that is still an example's, with the path to it."""
    if isinstance(value, str):
        if problem := _find_fault(value):
            yield ConfigurationError(f"{format_path(path)} {problem}", path)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_placeholders(key, (*path, str(key)))
            yield from find_placeholders(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for place, inner in _number(value):
            yield from find_placeholders(inner, (*path, place))


def _find_fault(text: str) -> str:
    if MARK in text:
        return f"still has the word {MARK} of the example: write your own value there"
    address = _ADDRESS.fullmatch(text.strip())
    host = address["host"] if address else ""
    if _RESERVED.fullmatch(host):
        return f"still names {host}, which is an example's host: write your own there"
    return ""


def _number(values: Iterable[object]) -> Iterable[tuple[int, object]]:
    ordered = values if isinstance(values, (list, tuple)) else sorted(values, key=str)
    return enumerate(ordered)

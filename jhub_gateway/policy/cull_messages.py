"""What cullers and servers send to the hub, read with care: it may be anything. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

CAUSES = frozenset({"idle", "busy", "age"})
_LONGEST_NAME = 255
_LONGEST_RUN = 64
_LONGEST_DETAIL = 1000
_MOST_SECONDS = 1e12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerName:
    """A server: its ``user``, and its own name, which is empty for the default one."""

    user: str
    server: str


@dataclass(frozen=True, slots=True)
class Warn:
    """The server stops in ``seconds`` by ``cause``, if it is still in the run ``run``."""

    name: ServerName
    run: str
    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The server does not stop any more, if it is still in the run ``run``."""

    name: ServerName
    run: str


@dataclass(frozen=True, slots=True)
class CullPass:
    """A culler's look at all servers: how many, of how many nothing is known, how long it took."""

    servers: int
    unknown: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Notices:
    """What a culler tells the hub after a pass; ``cull_pass`` is ``None`` if it says nothing."""

    warn: tuple[Warn, ...]
    clear: tuple[Clear, ...]
    cull_pass: CullPass | None


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Stop this run of the server, if its user was given ``granted`` seconds and no more.

    ``detail`` says for the log what was found, in the culler's words.
    """

    name: ServerName
    run: str
    cause: str
    granted: float
    detail: str


def parse_notices(body: object) -> Notices:
    """Return the notices of a request's JSON body. Raises ValueError, with a sentence."""
    found = _read_object(body, "the body")
    told = found.get("pass")
    return Notices(
        _read_list(found, "warn", _read_warn),
        _read_list(found, "clear", _read_clear),
        None if told is None else _read_pass(_read_object(told, "pass")),
    )


def parse_stop_order(body: object) -> StopOrder:
    """Return the order of a request's JSON body. Raises ValueError, with a sentence."""
    found = _read_object(body, "the body")
    return StopOrder(
        _read_name(found),
        _read_text(found, "run", _LONGEST_RUN),
        _read_cause(found),
        _read_seconds(found, "granted"),
        _read_text(found, "detail", _LONGEST_DETAIL) if "detail" in found else "",
    )


def parse_server_name(body: object) -> ServerName:
    """Return the server that a request's JSON body names. Raises ValueError, with a sentence."""
    return _read_name(_read_object(body, "the body"))


def _read_warn(found: Mapping[str, Any]) -> Warn:
    return Warn(
        _read_name(found),
        _read_text(found, "run", _LONGEST_RUN),
        _read_seconds(found, "seconds"),
        _read_cause(found),
    )


def _read_clear(found: Mapping[str, Any]) -> Clear:
    return Clear(_read_name(found), _read_text(found, "run", _LONGEST_RUN))


def _read_pass(found: Mapping[str, Any]) -> CullPass:
    servers, unknown = (int(_read_seconds(found, key)) for key in ("servers", "unknown"))
    return CullPass(servers, unknown, _read_seconds(found, "seconds"))


def _read_name(found: Mapping[str, Any]) -> ServerName:
    user = _read_text(found, "user", _LONGEST_NAME)
    return ServerName(user, _read_text(found, "server", _LONGEST_NAME))


def _read_object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object")
    return value


def _read_list(
    found: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], T]
) -> tuple[T, ...]:
    entries = found.get(key, [])
    if not isinstance(entries, list):
        raise ValueError(f"{key} must be a list")
    return tuple(read(_read_object(entry, f"each entry of {key}")) for entry in entries)


def _read_text(found: Mapping[str, Any], key: str, longest: int) -> str:
    text = found.get(key)
    # A database takes no zero, and no half of a pair.
    if not isinstance(text, str) or "\0" in text or any("\ud800" <= one < "\ue000" for one in text):
        raise ValueError(f"{key} must be a text")
    if len(text) > longest:
        raise ValueError(f"{key} is longer than {longest} characters")
    return text


def _read_cause(found: Mapping[str, Any]) -> str:
    cause = found.get("cause")
    if not isinstance(cause, str) or cause not in CAUSES:
        raise ValueError(f"cause must be one of {', '.join(sorted(CAUSES))}")
    return cause


def _read_seconds(found: Mapping[str, Any], key: str) -> float:
    value = found.get(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # JSON's integers have no end, and Python's JSON knows infinity and what is no number.
    number: float = value if is_number else -1  # type: ignore[assignment]
    if not 0 <= number <= _MOST_SECONDS:
        raise ValueError(f"{key} must be a number of 0 or more")
    return float(number)

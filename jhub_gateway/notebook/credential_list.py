"""Which credentials there are, and how each of them is; never what is in them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, overload

from jhub_gateway.notebook.credential_errors import CredentialsUnreadable, UnknownCredential
from jhub_gateway.notebook.credential_files import (
    HEALTH,
    find_directory,
    make_absence,
    read_together,
)

VERSION = 1
STATES = ("valid", "late", "ended")
MARGIN = timedelta(seconds=2)
"""A token this close to its end is not given out: it would expire on its way."""

_FILE_NAME = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]*")
# A path at the hub and nothing that leads elsewhere.
_LOGIN_URL = re.compile(r"(/(?![/\\])[!-\[\]-~]*)?")


@dataclass(frozen=True)
class Credential:
    """One credential. ``system`` is its kind, ``audience`` the service that it is for.

    ``state`` is ``"valid"``; ``"late"`` if it could not be renewed in time and still holds;
    ``"expired"`` if it holds no more and is being renewed; or ``"ended"``. ``sentence`` says what
    to do if it is not valid. ``token_file`` is the one of ``files`` that is a bearer token.
    """

    name: str
    system: str
    audience: str
    state: str
    sentence: str
    expires_at: datetime | None
    files: tuple[Path, ...]
    token_file: Path | None


class Credentials(Sequence[Credential]):
    """The credentials of this server, by position or by name, as they were at ``read_at``.

    A notebook shows them as a table. ``state`` and ``sentence`` are the login's, and
    ``login_url`` is the path at the hub where a new login starts.
    """

    def __init__(
        self,
        entries: Sequence[Credential],
        state: str,
        sentence: str,
        login_url: str,
        read_at: datetime,
    ) -> None:
        self._entries = tuple(entries)
        self.state = state
        self.sentence = sentence
        self.login_url = login_url
        self.read_at = read_at

    @overload
    def __getitem__(self, key: int | str) -> Credential: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Credential]: ...

    def __getitem__(self, key: int | str | slice) -> Credential | Sequence[Credential]:
        if not isinstance(key, str):
            return self._entries[key]
        for entry in self._entries:
            if entry.name == key:
                return entry
        names = ", ".join(entry.name for entry in self._entries)
        raise UnknownCredential(f"There is no credential {key!r}. There are: {names}.")

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Credential]:
        return iter(self._entries)

    def __contains__(self, value: object) -> bool:
        return any(value in (entry, entry.name) for entry in self._entries)

    def __repr__(self) -> str:
        from jhub_gateway.notebook.credential_display import make_text

        return make_text(self)

    def _repr_html_(self) -> str:
        from jhub_gateway.notebook.credential_display import make_html

        return make_html(self)


def credentials() -> Credentials:
    """Return the credentials that the gateway keeps fresh for this server, as they are just now.

    Raises NoCredentials or CredentialsUnreadable.
    """
    directory = find_directory()
    try:
        return read_together(directory, lambda generation: read_list(generation, directory))
    except FileNotFoundError:
        raise make_absence(directory) from None


def read_list(generation: Path, directory: Path, now: datetime | None = None) -> Credentials:
    """Return what ``credentials.json`` of a generation says; the files' paths are those for good.

    Raises FileNotFoundError or CredentialsUnreadable.
    """
    try:
        record = json.loads((generation / HEALTH).read_bytes())
        return _make_list(record, directory, now or datetime.now(UTC))
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
    # RecursionError: JSON of ten thousand brackets.
    except (ValueError, RecursionError) as error:
        reason = f"it is not what a gateway writes ({_Wrong.shorten(error)})"
    except _Newer:
        reason = "it is of a newer gateway. The jhub-gateway in this server has to be upgraded"
    raise CredentialsUnreadable(
        f"{directory / HEALTH} cannot be read: {reason}. Tell the gateway's support."
    )


class _Newer(Exception):
    """The file is of a version that this release does not know."""


class _Wrong(ValueError):
    """A value of the file is not what it has to be; the message names its key alone."""

    @staticmethod
    def shorten(error: BaseException) -> str:
        return str(error) if isinstance(error, _Wrong) else "no JSON"


def _make_list(record: Any, directory: Path, now: datetime) -> Credentials:
    if type(record) is not dict or type(record.get("version")) is not int:
        raise _Wrong("version")
    if record["version"] != VERSION:
        raise _Newer
    entries = [_make_entry(entry, directory, now) for entry in _get(record, "credentials", list)]
    login_url = _get(record, "login_url", str)
    if not _LOGIN_URL.fullmatch(login_url):
        raise _Wrong("login_url")
    return Credentials(
        entries, _get_state(record), _get(record, "sentence", str), login_url, read_at=now
    )


def _make_entry(record: Any, directory: Path, now: datetime) -> Credential:
    if type(record) is not dict:
        raise _Wrong("credentials")
    token = _get(record, "token", str | None)
    names = _get(record, "files", list)
    for name in (*names, *([] if token is None else [token])):
        if type(name) is not str or not _FILE_NAME.fullmatch(name):
            raise _Wrong("files")
    entry = Credential(
        name=_get(record, "name", str),
        system=_get(record, "system", str),
        audience=_get(record, "audience", str),
        state=_get_state(record),
        sentence=_get(record, "sentence", str),
        expires_at=_get_time(record),
        files=tuple(directory / name for name in names),
        token_file=None if token is None else directory / token,
    )
    return replace(entry, state="expired") if _is_expired(entry, now) else entry


def _is_expired(entry: Credential, now: datetime) -> bool:
    if entry.state == "ended" or entry.expires_at is None:
        return False
    return entry.expires_at - now <= MARGIN


def _get(record: Mapping[str, Any], key: str, kind: Any) -> Any:
    if key not in record or not isinstance(record[key], kind):
        raise _Wrong(key)
    return record[key]


def _get_state(record: Mapping[str, Any]) -> str:
    state = _get(record, "state", str)
    if state not in STATES:
        raise _Wrong("state")
    return state


def _get_time(record: Mapping[str, Any]) -> datetime | None:
    text = _get(record, "expires_at", str | None)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Wrong("expires_at") from None

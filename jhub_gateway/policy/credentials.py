"""Users' credentials: what an operator configures, and the files that a server reads."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from jhub_gateway.errors import ConfigurationError, raise_together
from jhub_gateway.models import Credential, Issued, Login
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_groups, read_slug, read_text
from jhub_gateway.policy.groups import is_open_to

LOGIN = "login"
ACCESS_TOKEN = "access_token"  # noqa: S105
ID_TOKEN = "id_token"  # noqa: S105
EXPIRES_AT = "expires_at"
INDEX = "credentials.json"
RESERVED_FILES = frozenset({ACCESS_TOKEN, ID_TOKEN, EXPIRES_AT, INDEX})

# Bytes. A Secret holds 1 MiB; what is left is for the login's own tokens.
LARGEST_CREDENTIAL = 256 * 1024
LARGEST_TOTAL = 768 * 1024

# Safe as a key of a Secret, which has 253 characters at most, and as a file beside the others.
_FILE_NAME = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,252}", re.ASCII)
_FAULT = "The gateway could not prepare this credential. Please tell its support team."
_LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class CredentialHealth(TypedDict):
    """How a credential is, without its contents. ``token`` is the file that is a bearer token."""

    name: str
    system: str
    audience: str
    state: str
    sentence: str
    expires_at: str | None
    token: str | None
    files: list[str]


class Health(TypedDict):
    """What ``credentials.json`` says. The first of ``credentials`` is the login's own."""

    version: int
    state: str
    sentence: str
    login_url: str
    credentials: list[CredentialHealth]


@dataclass(frozen=True, slots=True)
class CredentialSetting:
    """One entry of ``credentials``; ``settings`` are the keys of its connector's own."""

    name: str
    system: str
    audience: str = ""
    allowed_groups: frozenset[str] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


def _read_name(value: object) -> str:
    if value == LOGIN:
        raise ValueError(f"{value!r} is the login's own; choose another name")
    return read_slug(value)


_READERS: Mapping[str, Callable[[object], Any]] = {
    "name": _read_name,
    "system": read_text,
    "audience": read_text,
    "allowed_groups": read_groups,
}
_KIND = EntryKind(
    trait="credentials", noun="credential", required=("name", "system"), readers=_READERS
)


def parse_credentials(entries: Sequence[object]) -> tuple[CredentialSetting, ...]:
    """Return what an operator wrote as ``credentials``. Raises ConfigurationError.

    The values of a connector's own keys are checked by the connector.
    """
    common = _KIND.read(map(_pick_common, entries))
    _KIND.check_unique([values["name"] for values in common])
    return tuple(
        CredentialSetting(**values, settings=_pick_own(entry))
        for values, entry in zip(common, entries, strict=True)
    )


def read_settings(
    name: str,
    settings: Mapping[str, object],
    readers: Mapping[str, Callable[[object], Any]],
    required: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the values of a connector's own keys, for the credential of that name.

    ``readers`` has a function for each key, which returns the value or raises ValueError with the
    reason. Raises ConfigurationError naming the credential, the key and the value.
    """
    kind = EntryKind(_KIND.trait, _KIND.noun, ("name", *required), {**_READERS, **readers})
    values, problems = kind.scan([{"name": name, **settings}])
    for problem in problems:
        problem.path = (_KIND.trait, name, *problem.path[2:])
    raise_together(problems)
    return {key: value for key, value in values[0].items() if key not in _READERS}


def make_setting_error(name: str, problem: str) -> ConfigurationError:
    """Return the error that says what is wrong with the credential of that name."""
    return _KIND.fail(name, problem)


def choose_credentials(
    settings: Iterable[CredentialSetting], groups: Collection[str]
) -> tuple[CredentialSetting, ...]:
    """Return those that a member of ``groups`` may have, in the operator's order."""
    return tuple(setting for setting in settings if is_open_to(groups, setting.allowed_groups))


def end_faulty(credentials: Iterable[Credential]) -> tuple[tuple[Credential, ...], list[str]]:
    """Return the credentials with those ended whose files can't be written, and what is wrong.

    It is always a fault of their connector's: a file name that is no key of a Secret, that is
    reserved or that an earlier credential has, or too much to write. So it costs the user no other
    credential. The problems are for the log; they hold no contents.
    """
    sound: list[Credential] = []
    problems: list[str] = []
    for credential in credentials:
        problem = _find_fault(credential, sound)
        if problem:
            problems.append(f"credential {credential.name!r} ({credential.system}): {problem}")
            credential = replace(credential, state="ended", sentence=_FAULT, issued=Issued())
        sound.append(credential)
    return tuple(sound), problems


def make_files(
    login: Login | None,
    state: str,
    sentence: str,
    credentials: Sequence[Credential],
    login_url: str,
    with_id_token: bool,
) -> dict[str, bytes]:
    """Return all files of a user's servers by name: the same input makes the same bytes.

    Without a login, or with one whose ``state`` is ``"ended"``, there are only the files of the
    credentials that are valid without it. Raises ConfigurationError for what :func:`end_faulty`
    would end, so that no file ever replaces another's.
    """
    faults = end_faulty(credentials)[1]
    if faults:
        raise ConfigurationError("; ".join(faults))
    health = make_health(login, state, sentence, credentials, login_url, with_id_token)
    files = _make_login_files(login, with_id_token) if login and state != "ended" else {}
    for credential, shown in zip(credentials, health["credentials"][1:], strict=True):
        if shown["state"] != "ended":
            files.update(credential.issued.files)
    files[INDEX] = json.dumps(health, indent=1).encode() + b"\n"
    return dict(sorted(files.items()))


def make_health(
    login: Login | None,
    state: str,
    sentence: str,
    credentials: Iterable[Credential],
    login_url: str,
    with_id_token: bool,
) -> Health:
    """Return what pages show of a user's credentials: names, states and times, no contents."""
    if login is None:
        state = "ended"
    own = _make_login_health(login if state != "ended" else None, state, sentence, with_id_token)
    return {
        "version": 1,
        "state": state,
        "sentence": sentence,
        "login_url": login_url,
        "credentials": [own, *(_make_credential_health(one, own) for one in credentials)],
    }


def _make_login_files(login: Login, with_id_token: bool) -> dict[str, bytes]:
    texts = {
        ACCESS_TOKEN: login.access_token,
        ID_TOKEN: login.id_token if with_id_token else None,
        EXPIRES_AT: _format_time(login.expires_at),
    }
    return {name: text.encode() for name, text in texts.items() if text}


def _make_login_health(
    login: Login | None, state: str, sentence: str, with_id_token: bool
) -> CredentialHealth:
    tokens = _make_login_files(login, with_id_token) if login else {}
    return {
        "name": LOGIN,
        "system": LOGIN,
        "audience": "",
        "state": state,
        "sentence": sentence,
        "expires_at": _format_time(login.expires_at) if login else None,
        "token": ACCESS_TOKEN if login else None,
        "files": sorted(tokens.keys() - {EXPIRES_AT}),
    }


def _make_credential_health(credential: Credential, login: CredentialHealth) -> CredentialHealth:
    issued, state, sentence = credential.issued, credential.state, credential.sentence
    expires_at = _format_time(issued.expires_at)
    if state != "ended" and issued.token == ACCESS_TOKEN:
        # It is the login's own token, so it is renewed, late and ended with the login.
        state, sentence, expires_at = login["state"], login["sentence"], login["expires_at"]
    elif state == "late" and login["state"] == "ended":
        # Nothing will renew it, and what may no longer hold is not left behind.
        state, sentence = "ended", login["sentence"]
    is_ended = state == "ended"
    return {
        "name": credential.name,
        "system": credential.system,
        "audience": credential.audience,
        "state": state,
        "sentence": sentence,
        "expires_at": None if is_ended else expires_at,
        "token": None if is_ended else issued.token,
        "files": [] if is_ended else sorted(issued.files),
    }


def _find_fault(credential: Credential, earlier: Iterable[Credential]) -> str | None:
    """Return why the credential's files can't be written beside those of the earlier ones."""
    files = credential.issued.files
    others = [other.issued.files for other in earlier]
    for name in files:
        if fault := find_name_fault(name):
            return fault
        if any(name in other for other in others):
            return f"another credential has a file {name!r} already"
    if credential.issued.token is not None and credential.issued.token not in (
        *files,
        ACCESS_TOKEN,
    ):
        return f"its token {credential.issued.token!r} is none of its files"
    return _find_size_fault(files, sum(map(count_bytes, others)))


def _find_size_fault(files: Mapping[str, bytes], taken: int) -> str | None:
    size = count_bytes(files)
    if size > LARGEST_CREDENTIAL:
        return f"its files are {size} bytes, and {LARGEST_CREDENTIAL} are the most"
    if size + taken > LARGEST_TOTAL:
        return f"the files of all are {size + taken} bytes, and {LARGEST_TOTAL} are the most"
    return None


def find_name_fault(name: object) -> str | None:
    """Return why a connector's file can't have the name, or None if it can."""
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        return f"{name!r} is no name for a file: {_FILE_NAME.pattern}"
    return f"the file name {name!r} is reserved" if name in RESERVED_FILES else None


def count_bytes(files: Mapping[str, bytes]) -> int:
    """Return the size of all contents, in bytes."""
    return sum(map(len, files.values()))


def _format_time(seconds: float | None) -> str | None:
    """Return RFC 3339 of seconds since 1970, never later than they are; None for no time."""
    if seconds is None or math.isnan(seconds):
        return None
    whole = math.floor(min(max(seconds, 0), _LAST_SECOND))
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pick_common(entry: object) -> object:
    """Return the keys that all connectors share; a key that is no text is left to be refused."""
    if not isinstance(entry, Mapping):
        return entry
    return {
        key: value for key, value in entry.items() if key in _READERS or not isinstance(key, str)
    }


def _pick_own(entry: object) -> dict[str, object]:
    items = entry.items() if isinstance(entry, Mapping) else ()
    return {key: value for key, value in items if key not in _READERS}

"""What is in a credential: its bearer token, or its files. Read from the disk at each call."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from jhub_gateway.notebook.credential_errors import (
    CredentialEnded,
    CredentialError,
    CredentialExpired,
    CredentialsUnreadable,
    NoToken,
)
from jhub_gateway.notebook.credential_files import find_directory, read_together
from jhub_gateway.notebook.credential_list import Credential, Credentials, read_list

WAIT = 10.0
"""Seconds for which a renewal that is late is waited for, unless the caller says otherwise."""

_LOOK_AGAIN = 0.2
"""Seconds between two looks at the files while waiting."""

# RFC 6750's b68token and what real systems' keys hold beside it: printable, and no space.
_TOKEN = re.compile(r"[!-~]+")


def token(name: str = "login", *, wait: float = WAIT) -> str:
    """Return the bearer token of a credential, as it is on the disk just now.

    A token is never given out after its end, nor within two seconds of it. If it has expired, the
    renewal is waited for up to ``wait`` seconds, and CredentialExpired raised after that. Raises
    CredentialEnded, NoToken, UnknownCredential, NoCredentials or CredentialsUnreadable at once.
    """
    end = time.monotonic() + wait
    while True:
        try:
            return _read_token(name)
        # Without the traceback: the way through this module says nothing to a notebook's reader.
        except CredentialExpired as error:
            if (left := end - time.monotonic()) <= 0:
                raise error.with_traceback(None) from None
            time.sleep(min(_LOOK_AGAIN, left))
        except CredentialError as error:
            raise error.with_traceback(None) from None


def _read_token(name: str) -> str:
    directory = find_directory()

    # The list first: on one machine it is written last, so that no file is older than it says.
    def read(generation: Path) -> tuple[Credential, bytes]:
        entry = _find(name, read_list(generation, directory))
        if entry.token_file is None:
            raise NoToken(_explain_no_token(entry))
        return entry, (generation / entry.token_file.name).read_bytes()

    entry, content = _read_files(name, directory, read)
    text = content.decode("latin-1").strip()
    if not _TOKEN.fullmatch(text):
        raise CredentialsUnreadable(
            f"{entry.token_file} does not hold a bearer token. Tell the gateway's support."
        )
    return text


def read(name: str) -> Mapping[str, str]:
    """Return the texts in the files of a credential by their names; in a pod all of one moment.

    The names are without the credential's: ``read("ftp")["password"]`` is in ``ftp.password``.
    The texts are as they are in the files. Raises CredentialExpired, CredentialEnded,
    UnknownCredential, NoCredentials or CredentialsUnreadable; the last for a file that is no text.
    """
    directory = find_directory()

    def read_all(generation: Path) -> dict[str, bytes]:
        entry = _find(name, read_list(generation, directory))
        return {
            file.name.removeprefix(f"{name}."): (generation / file.name).read_bytes()
            for file in entry.files
        }

    contents = _read_files(name, directory, read_all)
    try:
        return SecretTexts(name, {key: content.decode() for key, content in contents.items()})
    except UnicodeDecodeError:
        raise CredentialsUnreadable(
            f"A file of the credential {name!r} is no text. Open it by its path, which is in "
            f"credentials()[{name!r}].files."
        ) from None


class SecretTexts(Mapping[str, str]):
    """Texts by name. A notebook that shows it shows the names alone."""

    def __init__(self, credential: str, texts: Mapping[str, str]) -> None:
        self._credential = credential
        self._texts = dict(texts)

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"<the texts of {self._credential!r}: {', '.join(self._texts)}>"


def _read_files(name, directory, read):
    """Read by :func:`read_together`; turn the errors of the file system into those of a user."""
    try:
        return read_together(directory, read)
    # On one machine a file goes before the list says so, and comes before the list does.
    except FileNotFoundError:
        raise CredentialExpired(
            f"The files of the credential {name!r} are changing just now. Try again in a moment."
        ) from None
    except OSError as error:
        raise CredentialsUnreadable(
            f"The files of the credential {name!r} cannot be read: {error.strerror}. "
            "Tell the gateway's support."
        ) from None


def _find(name: str, entries: Credentials) -> Credential:
    """Return the credential; raises UnknownCredential, CredentialEnded or CredentialExpired."""
    entry = entries[name]
    if entry.state == "ended":
        url = make_login_address(entries.login_url) if entries.state == "ended" else ""
        raise CredentialEnded(_explain_end(entry, entries, url), url)
    if entry.state == "expired":
        raise CredentialExpired(
            f"The credential {name!r} expired at {entry.expires_at:%H:%M:%S} UTC and is being "
            f"renewed. Try again in a moment. {entry.sentence}".rstrip()
        )
    # Its system was down when the server started, and has not answered since.
    if entry.state == "late" and not entry.files and entry.token_file is None:
        raise CredentialExpired(
            f"The gateway could not get the credential {name!r} yet. {entry.sentence}".rstrip()
        )
    return entry


def _explain_end(entry: Credential, entries: Credentials, url: str) -> str:
    text = f"The credential {entry.name!r} has ended. {entry.sentence or entries.sentence}".rstrip()
    if not url:
        return text
    place = url if "://" in url else f"{url} of this site"
    return f"{text} The login starts at {place}"


def _explain_no_token(entry: Credential) -> str:
    files = ", ".join(map(str, entry.files)) or "none"
    return (
        f"The credential {entry.name!r} is no bearer token. It has these files: {files}. "
        f"Read them with read({entry.name!r})."
    )


def make_login_address(login_url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of a new login: whole where the hub's is known, else its path."""
    if not login_url:
        return ""
    hub = re.match(r"https?://[^/]+", environ.get("JUPYTERHUB_PUBLIC_HUB_URL", ""))
    return (hub[0] if hub else environ.get("JUPYTERHUB_HOST", "")) + login_url

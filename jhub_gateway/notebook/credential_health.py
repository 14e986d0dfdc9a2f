"""How the credentials are, for JupyterLab: no secret, and no name of a file."""

from typing import Any

from jhub_gateway.notebook.credential_errors import CredentialsUnreadable, NoCredentials
from jhub_gateway.notebook.credential_list import Credential, credentials


def read_health() -> dict[str, Any]:
    """Return what JSON can hold: ``state``, ``sentence``, ``login_url`` and ``credentials``.

    ``state`` is the login's, as :class:`~jhub_gateway.notebook.credential_list.Credential` has it;
    ``"unreadable"`` if what the gateway wrote cannot be read; ``None`` where there is nothing.
    """
    try:
        entries = credentials()
    except NoCredentials:
        return _make(None)
    except CredentialsUnreadable as error:
        return _make("unreadable", str(error))
    health = _make(entries.state, entries.sentence)
    health["login_url"] = entries.login_url
    health["credentials"] = [_make_entry(entry) for entry in entries]
    return health


def _make(state: str | None, sentence: str = "") -> dict[str, Any]:
    return {"state": state, "sentence": sentence, "login_url": "", "credentials": []}


def _make_entry(entry: Credential) -> dict[str, Any]:
    return {
        "name": entry.name,
        "audience": entry.audience,
        "state": entry.state,
        "expires_at": f"{entry.expires_at:%Y-%m-%dT%H:%M:%SZ}" if entry.expires_at else None,
        "sentence": entry.sentence,
    }

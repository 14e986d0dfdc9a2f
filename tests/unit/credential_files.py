"""A server's credentials as files: as a pod's kubelet swaps them, and as a hub on one machine."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

LOGIN_URL = "/hub/oauth_login?next=%2Fhub%2Fhome"


class PlainFiles:
    """Each file is replaced by itself; credentials.json comes last, and what is gone goes first."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory

    def write(self, files: Mapping[str, str]) -> None:
        for old in self.directory.iterdir():
            if old.name not in files:
                old.unlink()
        for name in sorted(files, key=lambda name: name == "credentials.json"):
            beside = self.directory / f".{name}.new"
            beside.write_text(files[name])
            beside.chmod(0o600)
            beside.replace(self.directory / name)


class PodFiles:
    """Each file is a link through ``..data``, which is swapped; the old generation is removed."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self._count = 0

    def write(self, files: Mapping[str, str]) -> None:
        self._count += 1
        generation = self.directory / f"..2026_11_21_{self._count}"
        generation.mkdir()
        for name, text in files.items():
            (generation / name).write_text(text)
        data = self.directory / "..data"
        old = data.resolve() if data.exists() else None
        link = self.directory / "..data_tmp"
        link.symlink_to(generation.name)
        link.replace(data)
        for name in files:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        for path in self.directory.iterdir():
            if path.is_symlink() and path.name != "..data" and path.name not in files:
                path.unlink()
        if old:
            shutil.rmtree(old)


LAYOUTS = [PlainFiles, PodFiles]


def make_time(seconds: float) -> str:
    """Return the time so many seconds from now, as the hub writes it."""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def make_entry(name: str, **changes: Any) -> dict[str, Any]:
    """Return an entry of credentials.json: a static credential without an end."""
    entry = {
        "name": name,
        "system": "static",
        "audience": "",
        "state": "valid",
        "sentence": "",
        "expires_at": None,
        "token": None,
        "files": [],
    }
    return {**entry, **changes}


def make_login(seconds: float = 300, **changes: Any) -> dict[str, Any]:
    """Return the login's own entry; its token ends so many seconds from now."""
    files = {"system": "login", "token": "access_token", "files": ["access_token"]}
    return make_entry("login", **{**files, "expires_at": make_time(seconds), **changes})


def make_health(*entries: dict[str, Any], **changes: Any) -> str:
    """Return the text of credentials.json."""
    health = {"version": 1, "state": "valid", "sentence": "", "login_url": LOGIN_URL}
    return json.dumps({**health, "credentials": entries, **changes})


def make_files(text: str = "first", seconds: float = 300, **changes: Any) -> dict[str, str]:
    """Return all files of a valid login and of an FTP account."""
    login = make_login(seconds, **changes)
    ftp = make_entry("ftp", audience="ftp.gateway.org", files=["ftp.username", "ftp.password"])
    return {
        "access_token": text,
        "ftp.username": f"user of {text}",
        "ftp.password": f"password of {text}",
        "expires_at": login["expires_at"],
        "credentials.json": make_health(login, ftp, state=login["state"]),
    }


def make_ended_files() -> dict[str, str]:
    """Return all files once the login has ended; its entry has no token any more."""
    sentence = "Your login at the gateway has ended. Log in again."
    ended = {"state": "ended", "sentence": sentence, "expires_at": None}
    login = make_login(**ended, token=None, files=[])
    return {"credentials.json": make_health(login, state="ended", sentence=sentence)}

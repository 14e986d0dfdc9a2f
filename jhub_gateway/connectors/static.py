"""A credential that the gateway's users share, such as an FTP account or an API key."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.connectors.settings import read_path, read_seconds
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import (
    LARGEST_CREDENTIAL,
    count_bytes,
    find_name_fault,
    make_setting_error,
    read_settings,
)
from jhub_gateway.policy.entry_values import read_component

_REREAD_SECONDS = 60.0


class Static(Connector):
    """Copies the files of a directory, which is an operator's Secret mounted into the hub.

    ``directory`` is where; each file becomes ``<name>.<file>``. ``token`` is the file that is a
    bearer token, if one is; white space at its end is left out. The directory is read again every
    ``reread_seconds``, so that a Secret that the operator changes reaches running servers.
    """

    def __init__(
        self,
        name: str,
        audience: str,
        directory: Path,
        token: str | None = None,
        reread_seconds: float = _REREAD_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, audience)
        self.directory = directory
        self.token = token
        self.reread_seconds = reread_seconds
        self._clock = clock

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {
            "directory": read_path,
            "token": read_component,
            "reread_seconds": read_seconds(1),
        }
        return cls(name, audience, **read_settings(name, settings, readers, ("directory",)))

    def check(self) -> None:
        try:
            self.read()
        except CredentialUnavailable as error:
            raise make_setting_error(self.name, f"directory: {error}") from error

    async def issue(self, login: Login, service: TokenService) -> Issued:  # noqa: ARG002
        renew_at = self._clock() + self.reread_seconds
        files = await asyncio.to_thread(self.read)
        token = self._name_file(self.token) if self.token else None
        return Issued(files=files, token=token, renew_at=renew_at)

    def read(self) -> dict[str, bytes]:
        """Return the files. Raises CredentialUnavailable naming the directory, not the contents."""
        try:
            contents = _read_files(self.directory)
        except OSError as error:
            problem = f"{self.directory} can't be read: {error.strerror or error}"
            raise CredentialUnavailable(problem) from error
        if not contents:
            raise CredentialUnavailable(f"{self.directory} has no files")
        for file in contents:
            if fault := find_name_fault(self._name_file(file)):
                raise CredentialUnavailable(f"{self.directory} has {file!r}: {fault}")
        if count_bytes(contents) > LARGEST_CREDENTIAL:
            problem = f"{self.directory} has more than {LARGEST_CREDENTIAL} bytes, the most"
            raise CredentialUnavailable(problem)
        if self.token:
            contents[self.token] = self._get_token(contents)
        return {self._name_file(file): content for file, content in contents.items()}

    def _get_token(self, contents: Mapping[str, bytes]) -> bytes:
        token = contents.get(self.token or "", b"").rstrip()
        if not token:
            raise CredentialUnavailable(f"{self.directory} has no {self.token}, or it is empty")
        return token

    def _name_file(self, file: str) -> str:
        return f"{self.name}.{file}"


def _read_files(directory: Path) -> dict[str, bytes]:
    """Return the directory's files, and no more bytes than just too many.

    The kubelet swaps the symlink ``..data`` when a Secret changes. It is followed once, so that no
    user name is read with the password that comes after it.
    """
    swapped = directory / "..data"
    root = Path(os.path.realpath(swapped)) if swapped.is_symlink() else directory
    contents: dict[str, bytes] = {}
    for path in sorted(root.iterdir()):
        if not path.name.startswith("..") and path.is_file():
            with path.open("rb") as file:
                contents[path.name] = file.read(LARGEST_CREDENTIAL + 1 - count_bytes(contents))
    return contents

"""FTP and plain HTTP services: an account that users share, as the ``.netrc`` that clients read."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.connectors.settings import read_path, read_seconds
from jhub_gateway.connectors.static import Static
from jhub_gateway.errors import CredentialUnavailable
from jhub_gateway.models import Issued, Login
from jhub_gateway.policy.credentials import make_setting_error, read_settings

_SECONDS = 5.0
_PORT = 21  # where clients go that are told none
_HOST = re.compile(r"[A-Za-z0-9]([-.A-Za-z0-9]{0,251}[A-Za-z0-9])?", re.ASCII)
# Clients disagree about quotes, about spaces, and about a "#" that begins a word.
_WORD = re.compile(r"(?!#)[!#-\[\]-~]+", re.ASCII)


class Ftp(Connector):
    """Writes the ``username`` and ``password`` of an operator's Secret as ``<name>.netrc``.

    They are files of their own, too. With a ``port`` the hub connects there before it gives them:
    a service that is down is told as late.
    """

    def __init__(self, account: Static, host: str, port: int | None = None) -> None:
        place = host if port in (None, _PORT) else f"{host}:{port}"
        super().__init__(account.name, account.audience or place)
        self.account = account
        self.host = host
        self.port = port

    @classmethod
    def make(cls, name: str, audience: str, settings: Mapping[str, Any]) -> Self:
        readers = {
            "host": _read_host,
            "port": _read_port,
            "directory": read_path,
            "reread_seconds": read_seconds(1),
        }
        values = read_settings(name, settings, readers, ("host", "directory"))
        host, port = values.pop("host"), values.pop("port", None)
        return cls(Static(name, audience, **values), host, port)

    def check(self) -> None:
        self.account.check()
        try:
            self._write(self.account.read())
        except CredentialUnavailable as error:
            raise make_setting_error(self.name, f"directory: {error}") from error

    async def issue(self, login: Login, service: TokenService) -> Issued:
        issued = await self.account.issue(login, service)
        files = {**issued.files, f"{self.name}.netrc": self._write(issued.files)}
        if self.port is not None:
            await self._connect(self.port)
        return replace(issued, files=files)

    def _write(self, files: Mapping[str, bytes]) -> bytes:
        login, password = (self._read_word(files, file) for file in ("username", "password"))
        return f"machine {self.host} login {login} password {password}\n".encode()

    def _read_word(self, files: Mapping[str, bytes], file: str) -> str:
        word = files.get(f"{self.name}.{file}", b"").decode("latin-1").rstrip("\r\n")
        if not _WORD.fullmatch(word):
            raise CredentialUnavailable(
                f"{self.account.directory} has no {file}, or one that no .netrc can hold: "
                "leave out spaces, quotes, backslashes and a first '#'"
            )
        return word

    async def _connect(self, port: int) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                _, writer = await asyncio.open_connection(self.host, port)
        except OSError as problem:
            raise CredentialUnavailable(
                f"{self.host}:{port} can't be reached: {str(problem) or 'no answer'}"
            ) from problem
        writer.close()


def _read_host(value: object) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a host, such as ftp.example.org")
    return value


def _read_port(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise ValueError(f"{value!r} is no port; write a number from 1 to 65535")
    return value

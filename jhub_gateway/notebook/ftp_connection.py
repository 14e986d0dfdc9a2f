"""A connection to an FTP server with a credential of the gateway's. Standard library alone."""

import ssl
from ftplib import FTP, FTP_TLS
from urllib.parse import urlsplit

from jhub_gateway.notebook.credential_list import credentials
from jhub_gateway.notebook.credential_tokens import read

_SECONDS = 30
_PORT = 21


def open_ftp(name: str = "ftp") -> FTP:
    """Return a connection that is logged in with the credential's user name and password.

    Where it leads is the credential's audience: ``host``, ``host:port``, ``ftp://host:port``, or
    ``ftps://host:port`` for TLS on the same port (RFC 4217). ``host`` and ``port`` of what is
    returned have it in its parts. Raises what ``read`` raises, ConnectionError or ftplib's errors.
    """
    texts, audience = read(name), credentials()[name].audience
    place = urlsplit(audience if "://" in audience else f"ftp://{audience}")
    ftp = _make_client(has_tls=place.scheme == "ftps")
    try:
        _connect(ftp, place.hostname or "", place.port or _PORT)
        ftp.login(texts["username"].rstrip("\r\n"), texts["password"].rstrip("\r\n"))
        if isinstance(ftp, FTP_TLS):
            ftp.prot_p()
    except BaseException:
        ftp.close()
        raise
    return ftp


def _connect(ftp: FTP, host: str, port: int) -> None:
    try:
        ftp.connect(host, port, timeout=_SECONDS)
    except OSError as problem:
        raise ConnectionError(f"ftp://{host}:{port} can't be reached: {problem}") from problem


def _make_client(has_tls: bool) -> FTP:
    # What a gateway's FTP server speaks is its operator's decision.
    return FTP_TLS(context=ssl.create_default_context()) if has_tls else FTP()  # noqa: S321

"""What a trouble of a notebook's means, in a sentence. Standard library alone.

An error of a library is only looked at if the library is loaded: what is not can't have raised it.
Sentences name hosts and never whole addresses, which may hold something secret.
"""

import errno
import ftplib
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jhub_gateway.notebook.credential_errors import CredentialError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNREACHABLE = (
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
)
_MOST = 300
"""Letters of what a service says that are shown."""

# Where libraries keep them: module, class. Each is a failure to reach a host at all.
_CONNECTION_ERRORS = (
    ("requests", "ConnectionError"),
    ("requests", "Timeout"),
    ("httpx", "TransportError"),
    ("httplib2", "ServerNotFoundError"),
    ("socket", "gaierror"),
)

DISK = (
    "Your home is full: nothing more can be written to it. Delete files that you don't need, also "
    "large ones below hidden directories, and run the cell again."
)
MEMORY = (
    "There is not enough memory for this in your server. Use less data at a time, restart the "
    "kernels that you don't need, or start a server of a larger size."
)
FTP_LOGIN = (
    "The FTP server does not accept the gateway's user name and password. Tell the gateway's "
    "support."
)


class _Answer(NamedTuple):
    """What a service answered: its host, the status, and what it said."""

    host: str
    status: int
    text: str


def find_sentence(error: BaseException) -> str | None:
    """Return what the error means and what to do; None if nothing is known of such an error."""
    for one in _walk(error):
        for explain in _EXPLANATIONS:
            if sentence := explain(one):
                return sentence
    return None


def is_passing(error: BaseException) -> bool:
    """Say whether the service may answer again by itself: it wasn't reached, or is at fault."""
    answers = [answer for one in _walk(error) if (answer := _find_answer(one))]
    if answers:
        return answers[0].status in (429, 502, 503, 504)
    return any(_is_unreached(one) for one in _walk(error))


def _walk(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came of, each once."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        hidden = None if following.__suppress_context__ else following.__context__
        following = following.__cause__ or hidden


# What is wrong


def _explain_own(error: BaseException) -> str | None:
    from jhub_gateway.notebook.following import JobFailed

    return str(error) if isinstance(error, (CredentialError, JobFailed)) else None


def _explain_module(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError):
        return None
    return (
        f"This server has no module {error.name!r}. Ask the gateway's support for it, or install "
        "what brings it for yourself, with %pip install and the package's name."
    )


def _explain_full(error: BaseException) -> str | None:
    return DISK if isinstance(error, OSError) and error.errno in _FULL else None


def _explain_memory(error: BaseException) -> str | None:
    return MEMORY if isinstance(error, MemoryError) else None


def _explain_ftp(error: BaseException) -> str | None:
    if not isinstance(error, ftplib.Error):
        return None
    text = _shorten(str(error))
    if text.startswith("530"):
        return FTP_LOGIN
    if text.startswith(("452", "552")):
        return f"There is no space left on the FTP server, which said: {text}"
    return f"The FTP server refused, and said: {text}"


def _explain_answer(error: BaseException) -> str | None:
    if (answer := _find_answer(error)) is None:
        return None
    place = answer.host or "The service"
    said = f" It said: {answer.text}" if answer.text else ""
    if answer.status == 401:
        return (
            f"{place} does not accept your credential (401). Run the cell again, as it may just be "
            "being renewed; if that does not help, log in at the gateway again."
        )
    if answer.status == 403:
        return f"{place} does not let you do this (403). Ask the gateway's support for it.{said}"
    if answer.status == 429 or answer.status >= 500:
        return (
            f"{place} has a problem just now ({answer.status}), which is not of your making. Run "
            f"the cell again in some minutes.{said}"
        )
    return f"{place} refused this request ({answer.status}).{said}"


def _explain_unreached(error: BaseException) -> str | None:
    if not _is_unreached(error):
        return None
    place = _find_host(error) or "A service of the gateway"
    return (
        f"{place} does not answer: it is down, or can't be reached from here. Run the cell again "
        "in some minutes, and tell the gateway's support if that does not help."
    )


_EXPLANATIONS: tuple[Callable[[BaseException], str | None], ...] = (
    _explain_own,
    _explain_module,
    _explain_full,
    _explain_memory,
    _explain_ftp,
    _explain_answer,
    _explain_unreached,
)


# What libraries say


def _find_answer(error: BaseException) -> _Answer | None:
    """Return the answer that requests', httpx', the Arvados SDK's or pyDataverse's error is of."""
    response: Any = getattr(error, "response", None)
    if isinstance(status := getattr(response, "status_code", None), int) and status >= 400:
        return _Answer(_read_host(str(response.url)), status, _read_text(response))
    if _is_a(error, "googleapiclient.errors", "HttpError"):
        reason = _shorten(str(getattr(error, "reason", "")))
        return _Answer(_read_host(str(error.uri or "")), int(error.resp.status), reason)  # type: ignore[attr-defined]
    if _is_a(error, "pyDataverse.exceptions", "DataverseError"):
        return _read_dataverse(str(error))
    return None


def _read_dataverse(text: str) -> _Answer | None:
    """Read such as ``ERROR: HTTP 401 - Authorization error https://host/path. MSG: Bad key``."""
    found = re.search(r"HTTP (\d{3}) - (.*?) MSG: (.*)", text, re.DOTALL)
    return _Answer(_find_address(found[2]), int(found[1]), _shorten(found[3])) if found else None


def _read_text(response: Any) -> str:
    try:
        text = str(response.text)
    # A stream that was never read.
    except Exception:
        return ""
    try:
        record = json.loads(text)
    except ValueError:
        return "" if "<" in text else _shorten(text)
    if not isinstance(record, dict):
        return ""
    known = (record.get(key) for key in ("msg", "message", "detail", "error_description", "error"))
    return _shorten(next((one for one in known if isinstance(one, str)), ""))


def _is_unreached(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, EOFError)):
        return True
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return True
    if any(_is_a(error, *place) for place in _CONNECTION_ERRORS):
        return True
    # py-tes, which tries several addresses and then has no answer at all.
    return (
        _is_a(error, "requests", "HTTPError")
        and getattr(error, "response", None) is None
        and "No response received" in str(error)
    )


def _is_a(error: BaseException, module: str, name: str) -> bool:
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and isinstance(error, known)


def _find_host(error: BaseException) -> str:
    try:
        url = getattr(getattr(error, "request", None), "url", None)
    # httpx has no request in some of its errors, and raises for it.
    except RuntimeError:
        url = None
    return _read_host(str(url)) if url else _find_address(str(error))


def _find_address(text: str) -> str:
    found = re.search(r"(https?|ftp)://[^\s'\"]+", text)
    return _read_host(found[0]) if found else ""


def _read_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST else f"{line[:_MOST]}…"

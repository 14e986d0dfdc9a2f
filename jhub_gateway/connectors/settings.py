"""How connectors read what several of them are told. All raise ValueError with the reason."""

import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from jhub_gateway.policy.urls import is_loopback


def read_url(value: object) -> str:
    """Return the address of an API, without a slash at its end."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        _ = parts and parts.port
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is no address like https://host/path")
    if "@" in parts.netloc or parts.query or parts.fragment or not str(value).isprintable():
        raise ValueError("an address has no user name, no password, no '?' and no '#'")
    return str(value).strip().rstrip("/")


def read_secure_url(value: object) -> str:
    """Return an address that the hub itself sends tokens to: over http anybody could read them."""
    url = read_url(value)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError(f"{value!r} would carry tokens for all to read; use https")
    return url


def read_path(value: object) -> Path:
    """Return an absolute path."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError(f"{value!r} is no absolute path")
    return Path(value)


def read_seconds(fewest: float) -> Callable[[object], float]:
    """Return a reader of a number of seconds, ``fewest`` at least."""

    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value < fewest:  # type: ignore[arg-type, operator]
            raise ValueError(f"{value!r} is no number of seconds; {fewest:g} is the fewest")
        return float(value)  # type: ignore[arg-type]

    return read

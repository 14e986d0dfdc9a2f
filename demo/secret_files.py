"""Secrets that the demo makes at its first start and keeps, readable by their owner alone."""

import os
import secrets
from pathlib import Path

from demo.paths import STATE, make_private_directory

SECRETS = STATE / "secrets"


def provide_secret(name: str) -> str:
    """Return the secret ``name``: 64 hexadecimal digits, made at the first call."""
    path = make_private_directory(SECRETS) / name
    if not path.exists():
        write_secret(path, secrets.token_hex(32))
    return path.read_text()


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600: all of it, or nothing."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.rename(path)

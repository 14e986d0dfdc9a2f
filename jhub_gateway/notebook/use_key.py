"""The key of this run, by which the hub's side asks how the server is used."""

import hmac
import os
from collections.abc import MutableMapping

VARIABLE = "JHUB_GATEWAY_USE_KEY"

_taken = ""


def take_key(environ: MutableMapping[str, str] = os.environ) -> str:
    """Return the key of this run, "" if there is none.

    It is taken out of the variables: what the server starts from now on does not inherit it. An
    extension that is loaded again is given it again.
    """
    global _taken
    _taken = environ.pop(VARIABLE, "") or _taken
    return _taken


def is_key(shown: str, key: str) -> bool:
    """Return whether ``shown`` is the key, in a time that tells nothing about it."""
    return bool(key) and hmac.compare_digest(shown.encode(), key.encode())

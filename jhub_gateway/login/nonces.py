"""The nonce that binds an ID token to the browser that began the login."""

import hashlib
from typing import Any


def make_nonce(state_cookie: str) -> str:
    """Return the nonce of a login, from the cookie that only its browser has.

    The cookie holds OAuthenticator's state and PKCE verifier, both random; a digest tells nothing
    of them (OpenID Connect Core, 15.5.2).
    """
    return hashlib.sha256(f"nonce {state_cookie}".encode()).hexdigest()


def find_nonce(handler: Any) -> str | None:
    """Return the nonce that the login in this request began with; None where no browser asks."""
    cookie = handler.get_state_cookie() if handler is not None else ""
    return make_nonce(cookie) if cookie else None

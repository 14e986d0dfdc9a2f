"""Whose a home is: what the login at the gateway says about it."""

from collections.abc import Mapping
from typing import Any

from jhub_gateway.errors import IdentityError
from jhub_gateway.models import Owner


def make_owner(name: str, auth_state: Mapping[str, Any] | None) -> Owner:
    """Return the owner that a user's ``auth_state`` tells of, or one known by name alone.

    Raises IdentityError where the issuer is no URL, and two identities could be taken for one.
    """
    state = auth_state or {}
    issuer, subject = state.get("issuer"), state.get("subject")
    if not isinstance(issuer, str) or not isinstance(subject, str) or not issuer or not subject:
        return Owner(name)
    if any(letter.isspace() for letter in issuer):
        raise IdentityError(f"the issuer {issuer!r} has a space")
    return Owner(name, issuer, subject)

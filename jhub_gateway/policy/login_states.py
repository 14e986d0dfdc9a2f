"""What ``auth_state`` says of a login: its tokens, until when they hold, and whether it is over.

Beside OAuthenticator's keys, ``expires_at`` and ``requested_at`` are seconds since 1970 by the
hub's clock, and ``ended`` is the reason for which the provider takes the login no more.
"""

from collections.abc import Mapping
from typing import Any

from jhub_gateway.models import Login

_TOKENS = ("access_token", "refresh_token", "id_token")


def take_tokens(state: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with the tokens of a token response.

    What a response leaves out, such as a refresh token or an ID token, stays as it is.
    ``requested_at`` in the response is when it was asked for: a token can only end later than is
    computed from it, however the clocks of provider and hub differ.
    """
    tokens = {name: answer.get(name) or state.get(name) for name in _TOKENS}
    requested_at = answer.get("requested_at")
    lifetime = read_lifetime(answer)
    return {
        **state,
        **tokens,
        "token_response": {**(state.get("token_response") or {}), **_drop_empty(answer)},
        "requested_at": requested_at,
        "expires_at": requested_at + lifetime if lifetime and requested_at else None,
        "ended": None,
    }


def _drop_empty(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value not in (None, "", [])}


def read_lifetime(answer: Mapping[str, Any]) -> float | None:
    """Return ``expires_in`` of a token response, in seconds; None where it is not to be had."""
    try:
        lifetime = float(answer["expires_in"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return lifetime if 0 < lifetime < float("inf") else None


def end_login(state: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the state without its tokens; who the user is, and their groups, stay."""
    tokens = dict.fromkeys(_TOKENS)
    return {**state, **tokens, "token_response": {}, "expires_at": None, "ended": reason}


def make_login(name: str, state: Mapping[str, Any] | None, groups: frozenset[str]) -> Login | None:
    """Return the login for connectors; None where there is none, or it has ended."""
    if not state or state.get("ended") or not state.get("access_token"):
        return None
    return Login(
        username=name,
        issuer=state["issuer"],
        subject=state["subject"],
        groups=groups,
        access_token=state["access_token"],
        id_token=state.get("id_token"),
        expires_at=state.get("expires_at"),
    )

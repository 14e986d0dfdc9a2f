"""What a token endpoint's refusal means: try later, log in again, or ask the operators."""

import json
from http import HTTPStatus
from typing import Any

from jhub_gateway.clients.oidc import ProviderUnavailable
from jhub_gateway.errors import CredentialRefused, GatewayError, LoginEnded

# RFC 6749, 5.2; the second is GitHub's.
_ENDED = frozenset({"invalid_grant", "bad_refresh_token"})
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def is_temporary(answer: Any) -> bool:
    """Whether tornado's response says: try later. GitHub says so of its limits by a 403 too."""
    if answer.code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.code in _BUSY:
        return True
    limits = (answer.headers.get("Retry-After"), answer.headers.get("X-RateLimit-Remaining") == "0")
    return answer.code == HTTPStatus.FORBIDDEN and any(limits)


def read_token_error(status: int, answer: Any) -> GatewayError:
    """Return the error that an answer without a token means.

    ``answer`` is tornado's response, or decoded JSON. No text of it but the error's code goes into
    the message: some providers repeat tokens.
    """
    code = read_error_code(answer)
    if code in _ENDED:
        return LoginEnded(f"the provider answered {code}")
    if status in _BUSY or code in _LATER or code is None:
        return ProviderUnavailable(f"the token endpoint answered {status} {code or ''}".rstrip())
    refusal = CredentialRefused(
        "The gateway's login service refused it. Ask the gateway's operators."
    )
    refusal.__cause__ = GatewayError(f"the token endpoint answered {status} {code}")
    return refusal


def read_error_code(answer: Any) -> str | None:
    """Return the OAuth error of tornado's response, or of decoded JSON; None if it has none."""
    body = getattr(answer, "body", None)
    if body is not None:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            return None
    code = answer.get("error") if isinstance(answer, dict) else None
    return code[:100] if isinstance(code, str) and code.isprintable() else None

"""Signed links: a JSON Web Token (RFC 7519) of what to open, signed by HS256 (RFC 7515).

The type in its header (RFC 8725, section 3.11) keeps tokens that the same key signed for something
else from being links.
"""

import re
from collections.abc import Mapping
from typing import Any

import jwt

from jhub_gateway.errors import LinkRefused
from jhub_gateway.policy.links import make_bad_link

TYPE = "jhub-link+jwt"
ALGORITHM = "HS256"
# RFC 7518, section 3.2: as many bytes as the hash has.
SHORTEST_KEY = 32
# Two clocks differ by so many seconds.
CLOCK_SKEW = 60

_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_KNOWN_HEADERS = frozenset({"alg", "kid", "typ"})
# The times are looked at here, by the caller's clock.
_OPTIONS: Any = {
    "require": ["exp", "iss"],
    **dict.fromkeys(
        (f"verify_{claim}" for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")), False
    ),
}
_UNKNOWN = "This link is not signed by a gateway that this hub knows. {}"
_AGAIN = "Open it from the gateway's own page."


def sign_claims(claims: Mapping[str, object], key_id: str, key: bytes) -> str:
    """Return the signed link of the claims: ``iss``, ``exp``, and what to open."""
    headers = {"typ": TYPE, "kid": key_id}
    return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers=headers)


def read_signer(request: str) -> tuple[str, str]:
    """Return who says to have signed the link, and the id of the key. Nothing is verified yet.

    Raises LinkRefused.
    """
    if not _FORM.fullmatch(request):
        raise make_bad_link("it is not signed as a link is")
    try:
        header = jwt.get_unverified_header(request)
        claims = jwt.decode(request, options={"verify_signature": False})
    # JSON that is nested deeply ends Python's own reader.
    except (jwt.PyJWTError, RecursionError) as error:
        raise make_bad_link("it is not signed as a link is", str(error)) from None
    if header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
        raise make_bad_link(
            "it is not signed as a link is",
            f"typ {header.get('typ')!r:.40}, alg {header.get('alg')!r:.40}",
        )
    # A header that is not understood may change what the rest means (RFC 7515, section 4.1.11).
    if more := header.keys() - _KNOWN_HEADERS:
        raise make_bad_link("it is not signed as a link is", f"headers {sorted(more)!r:.80}")
    signer = (claims.get("iss"), header.get("kid"))
    if not all(isinstance(one, str) and one for one in signer):
        raise make_bad_link("it does not say who signed it, and with which key")
    return str(signer[0]), str(signer[1])


def verify_claims(
    request: str, issuer: str, keys: Mapping[str, bytes], now: float
) -> dict[str, Any]:
    """Return what the link's signer says, if they are ``issuer`` and the link holds at ``now``.

    ``keys`` are the issuer's by their id; ``now`` is seconds since 1970. Raises LinkRefused.
    """
    signer, key_id = read_signer(request)
    if signer != issuer or key_id not in keys:
        raise make_unknown(f"issuer {signer!r:.80}, key {key_id!r:.40}")
    try:
        claims = jwt.decode(request, keys[key_id], algorithms=[ALGORITHM], options=_OPTIONS)
    except jwt.MissingRequiredClaimError as error:
        raise make_bad_link("it does not say until when it holds", str(error)) from None
    except jwt.PyJWTError as error:
        raise make_unknown(f"key {key_id!r:.40}: {error}") from None
    # A hub has no name in a link: whoever names one means another reader (RFC 7519, 4.1.3).
    if "aud" in claims:
        raise make_unknown(f"it is for the audience {claims['aud']!r:.80}")
    _check_times(claims, now)
    return claims


def make_unknown(cause: str) -> LinkRefused:
    """Return the refusal of a link that nobody known has signed: 403."""
    return LinkRefused(_UNKNOWN.format(_AGAIN), cause)


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, begins = claims["exp"], claims.get("nbf", now)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (ends, begins)):
        raise make_bad_link("it does not say until when it holds", f"exp {ends!r:.40}")
    # Written so that a number that is none is refused, too.
    if not ends > now - CLOCK_SKEW:
        raise LinkRefused(f"This link has expired. {_AGAIN}", f"it ended {now - ends:.0f} s ago")
    if not begins <= now + CLOCK_SKEW:
        raise LinkRefused(f"This link does not hold yet. {_AGAIN}", f"in {begins - now:.0f} s")

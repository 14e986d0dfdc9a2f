"""What the provider states about a login in signed tokens: ID tokens and logout tokens."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jwt

from jhub_gateway.clients.signing_keys import SigningKeys, UnknownKey, read_header
from jhub_gateway.errors import LoginRefused

CLOCK_SKEW_SECONDS = 120
# OpenID Connect Back-Channel Logout 1.0, section 4, has providers make them for two minutes.
LOGOUT_AGE_SECONDS = 300
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
MOST_SEEN_TOKENS = 10_000

_LOGIN_REFUSED = (
    "The gateway's login service answered with a login that this hub cannot accept. Log in "
    "again, and tell the gateway's operators if it happens again."
)
_LOGOUT_REFUSED = "The logout token is not one of this hub's provider for this hub and this time."
# What a key that is published late looks like, or a clock that is wrong.
_PASSING = (UnknownKey, jwt.ImmatureSignatureError, jwt.ExpiredSignatureError)
_TIMES = ("exp", "iat", "nbf")
# Tokens that say in their header that they are of another kind (RFC 8725, section 3.11).
_NO_ID_TOKENS = frozenset({"logout+jwt", "at+jwt"})
_LOGOUT_TOKENS = frozenset({"logout+jwt", "jwt"})


@dataclass(frozen=True, slots=True)
class LogoutNotice:
    """Whose login has ended: all of a subject, or one session; never both None.

    ``token_id`` is the notice's own, for :class:`SeenTokens`.
    """

    subject: str | None
    session: str | None
    token_id: str


async def verify_id_token(
    id_token: object,
    keys: SigningKeys,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None = None,
    access_token: str | None = None,
    clock_skew: float = CLOCK_SKEW_SECONDS,
) -> dict[str, Any]:
    """Return the claims of an ID token (OpenID Connect Core, 3.1.3.7).

    ``nonce`` is the one sent with the login, which the token must repeat; a refresh has none.
    ``access_token`` is the one that came with it, compared if the token speaks of one.
    ``clock_skew`` is how far the provider's clock and the hub's may differ, in seconds.

    Raises LoginRefused, with the cause in ``__cause__``, or ProviderUnavailable if the keys to
    verify it cannot be had.
    """
    with _refusing(_LOGIN_REFUSED):
        claims = await _decode(id_token, keys, issuer, client_id, clock_skew, ("sub",))
        header = read_header(id_token)
        if _read_type(header) in _NO_ID_TOKENS or "events" in claims:
            raise jwt.InvalidTokenError("it is a token of another kind")
        _check_text(claims, "sub")
        _check_authorized_party(claims, client_id)
        if nonce is not None and not _is_same(claims.get("nonce"), nonce):
            raise jwt.InvalidTokenError("its nonce is not that of the login")
        if access_token is not None and "at_hash" in claims:
            _check_access_token(claims["at_hash"], access_token, header["alg"])
        return claims


async def verify_logout_token(
    token: object,
    keys: SigningKeys,
    *,
    issuer: str,
    client_id: str,
    clock_skew: float = CLOCK_SKEW_SECONDS,
) -> LogoutNotice:
    """Return whose logout it tells of (OpenID Connect Back-Channel Logout 1.0, section 2.6).

    A notice older than ``LOGOUT_AGE_SECONDS`` is refused. The caller sees to it that none is
    obeyed twice: :class:`SeenTokens`.

    Raises LoginRefused, with a text for the log and the cause in ``__cause__``, or
    ProviderUnavailable if the keys to verify it cannot be had.
    """
    with _refusing(_LOGOUT_REFUSED):
        claims = await _decode(token, keys, issuer, client_id, clock_skew, ("jti", "events"))
        if _read_type(read_header(token)) not in _LOGOUT_TOKENS or "nonce" in claims:
            raise jwt.InvalidTokenError("it is a token of another kind")
        _check_logout_event(claims["events"])
        if claims["iat"] < time.time() - LOGOUT_AGE_SECONDS - clock_skew:
            raise jwt.InvalidTokenError("it is too old")
        if claims.get("sub") is None and claims.get("sid") is None:
            raise jwt.InvalidTokenError("it names neither a subject nor a session")
        subject, session = (
            None if claims.get(name) is None else _check_text(claims, name)
            for name in ("sub", "sid")
        )
        return LogoutNotice(subject, session, _check_text(claims, "jti"))


def may_pass(refusal: LoginRefused) -> bool:
    """Whether the token may be a good one all the same: by a key or a clock that is behind."""
    return isinstance(refusal.__cause__, _PASSING)


class SeenTokens:
    """Which tokens were seen lately, for ``max_age`` seconds; of more than ``most`` the newest.

    The default age is that for which :func:`verify_logout_token` takes one at its default skew.
    """

    def __init__(
        self,
        max_age: float = LOGOUT_AGE_SECONDS + 2 * CLOCK_SKEW_SECONDS,
        most: int = MOST_SEEN_TOKENS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_age = max_age
        self._most = most
        self._clock = clock
        self._seen: dict[str, float] = {}

    def add(self, token_id: str) -> bool:
        """Remember the token; say whether it is new."""
        self._forget(self._clock() - self._max_age)
        if token_id in self._seen:
            return False
        if len(self._seen) >= self._most:
            del self._seen[next(iter(self._seen))]
        self._seen[token_id] = self._clock()
        return True

    def forget(self, token_id: str) -> None:
        """Take the token for new the next time: nothing came of it."""
        self._seen.pop(token_id, None)

    def _forget(self, before: float) -> None:
        # The oldest are first.
        while self._seen and next(iter(self._seen.values())) <= before:
            del self._seen[next(iter(self._seen))]

    def __len__(self) -> int:
        return len(self._seen)


@contextmanager
def _refusing(sentence: str) -> Iterator[None]:
    try:
        yield
    except jwt.PyJWTError as cause:
        raise LoginRefused(sentence) from cause


async def _decode(
    token: object,
    keys: SigningKeys,
    issuer: str,
    client_id: str,
    clock_skew: float,
    needed: tuple[str, ...],
) -> dict[str, Any]:
    """Check what all the provider's tokens have in common. Raises jwt.PyJWTError."""
    if not isinstance(token, str):
        raise jwt.DecodeError("there is no token")
    claims = await keys.decode(
        token,
        options={"require": ["iss", "aud", "exp", "iat", *needed]},
        issuer=issuer,
        audience=client_id,
        leeway=clock_skew,
    )
    for name in _TIMES:
        # PyJWT takes a text of digits for a time too.
        if not isinstance(claims.get(name, 0), int | float):
            raise jwt.InvalidTokenError(f"its claim {name} is no time")
    return claims


def _read_type(header: Mapping[str, Any]) -> str:
    """Return the kind that the token says it is, as RFC 7515 (4.1.9) has it compared."""
    return str(header.get("typ", "JWT")).lower().removeprefix("application/")


def _check_text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise jwt.InvalidTokenError(f"its claim {name} is no text")
    return value


def _check_authorized_party(claims: Mapping[str, Any], client_id: str) -> None:
    audiences, party = claims["aud"], claims.get("azp")
    if party is None and (isinstance(audiences, str) or set(audiences) == {client_id}):
        return
    if party != client_id:
        raise jwt.InvalidAudienceError("it was made for another client (azp)")


def _check_access_token(at_hash: object, access_token: str, algorithm: str) -> None:
    """Refuse a token that came with another access token (OpenID Connect Core, 3.1.3.6)."""
    # Ed25519 has SHA-512 in it; the other algorithms end with the size of their hash.
    digest = hashlib.new("sha512" if algorithm == "EdDSA" else f"sha{algorithm[-3:]}")
    digest.update(access_token.encode())
    half = digest.digest()[: digest.digest_size // 2]
    if not _is_same(at_hash, base64.urlsafe_b64encode(half).decode().rstrip("=")):
        raise jwt.InvalidTokenError("it came with another access token (at_hash)")


def _check_logout_event(events: object) -> None:
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise jwt.InvalidTokenError("it tells of no logout")


def _is_same(stated: object, expected: str) -> bool:
    """Whether both are the same text, in a time that does not tell how much of it is."""
    if not isinstance(stated, str):
        return False
    return hmac.compare_digest(
        *(text.encode(errors="surrogatepass") for text in (stated, expected))
    )

"""The keys with which an OpenID provider signs: had from its JWKS, and kept while they hold."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from tornado.httpclient import HTTPClientError

from jhub_gateway.clients.oidc import (
    Fetch,
    ProviderError,
    ProviderUnavailable,
    fetch_document,
)

MAX_AGE_SECONDS = 3600
# How long beyond their age keys hold while the provider gives no others.
STALE_SECONDS = 3600
# Tokens with unknown keys make the hub ask again no more often: anybody can send forged ones.
REFETCH_SECONDS = 30
# How long a failure is told again without asking, while there is no key at all.
RETRY_SECONDS = 2
LONGEST_TOKEN = 256 * 1024
# RFC 7518, section 3.3.
SMALLEST_RSA_BITS = 2048

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


class UnknownKey(jwt.InvalidTokenError):
    """The provider has no key that could have signed the token."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the algorithms that it may be used with: never one of a shared secret."""

    key_id: str | None
    algorithms: frozenset[str]
    key: Any


class SigningKeys:
    """The provider's keys, fetched when first needed and again after ``max_age`` seconds.

    A token with a key that is not known has them fetched at once, but once in
    ``REFETCH_SECONDS`` at most, which is also the least that ``max_age`` can be. Callers that ask
    at the same time share one request. While the provider cannot be asked, the old keys hold for
    ``max_stale`` seconds beyond their age.
    ``fetch(url, **options)`` returns decoded JSON, as ``OAuthenticator.httpfetch`` does;
    ``get_uri()`` returns where the keys are now, as that changes with the discovery document.
    """

    def __init__(
        self,
        fetch: Fetch,
        get_uri: Callable[[], Awaitable[str]],
        max_age: float = MAX_AGE_SECONDS,
        max_stale: float = STALE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._get_uri = get_uri
        self._max_age = max(max_age, REFETCH_SECONDS)
        self._max_stale = max_stale
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched_at = self._failed_at = self._forced_at = -math.inf
        self._problem: ProviderError | None = None
        self._request: asyncio.Task[None] | None = None

    async def decode(self, token: str, **checks: Any) -> dict[str, Any]:
        """Return the claims of a token that the provider signed; ``checks`` are ``jwt.decode``'s.

        Raises ProviderUnavailable if the keys cannot be had, or jwt.PyJWTError: UnknownKey where
        the provider may have a key of which this hub doesn't know yet.
        """
        keys, began = await self.find(token), self._clock()
        try:
            return _decode(token, keys, checks)
        except jwt.InvalidSignatureError as wrong:
            # Some providers change the key and keep its id.
            try:
                others = await self.find(token, tried=keys)
            except UnknownKey:
                if self._fetched_at >= began:
                    raise wrong from None
                raise
            return _decode(token, others, checks)

    async def find(self, token: str, tried: Collection[SigningKey] = ()) -> tuple[SigningKey, ...]:
        """Return the keys, beside those ``tried``, that the token may be signed with; one or more.

        Raises ProviderUnavailable if the keys cannot be had, or jwt.PyJWTError for a token that
        cannot be read or has another key.
        """
        header = read_header(token)
        started_at = self._clock()
        await self._renew_old_keys()
        found = self._select(header, tried)
        if not found:
            await self._renew_for_unknown(started_at)
            found = self._select(header, tried)
        if found:
            return found
        if self._problem:
            raise self._make_unavailable()
        raise UnknownKey("the provider has no such key")

    def _select(
        self, header: Mapping[str, Any], tried: Collection[SigningKey]
    ) -> tuple[SigningKey, ...]:
        algorithm, key_id = header.get("alg"), header.get("kid")
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        # Without a name there must be no choice (OpenID Connect Core, 10.1).
        if key_id is not None or len(fitting) > 1:
            fitting = [key for key in fitting if key.key_id == key_id is not None]
        return tuple(key for key in fitting if key not in tried)

    async def _renew_old_keys(self) -> None:
        if not self._has_keys_for(0):
            pause = REFETCH_SECONDS if self._has_keys_for(self._max_stale) else RETRY_SECONDS
            if self._is_asking() or self._clock() - self._failed_at >= pause:
                await self._ask()
        if not self._has_keys_for(self._max_stale):
            raise self._make_unavailable()

    async def _renew_for_unknown(self, started_at: float) -> None:
        if self._fetched_at >= started_at:
            return
        if not self._is_asking():
            if self._clock() - self._forced_at < REFETCH_SECONDS:
                return
            self._forced_at = self._clock()
        await self._ask()

    def _has_keys_for(self, seconds_beyond: float) -> bool:
        return self._clock() - self._fetched_at < self._max_age + seconds_beyond

    def _is_asking(self) -> bool:
        return self._request is not None and not self._request.done()

    async def _ask(self) -> None:
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._renew())
        # One caller that goes away must not cancel the others' request.
        await asyncio.shield(self._request)

    async def _renew(self) -> None:
        try:
            keys = await fetch_signing_keys(self._fetch, await self._get_uri())
        except ProviderError as problem:
            self._problem, self._failed_at = problem, self._clock()
        else:
            self._keys, self._problem, self._fetched_at = keys, None, self._clock()

    def _make_unavailable(self) -> ProviderUnavailable:
        return ProviderUnavailable(f"the provider's keys cannot be had: {self._problem}")


async def fetch_signing_keys(fetch: Fetch, url: str) -> tuple[SigningKey, ...]:
    """Return the keys of the JWKS at the address, one or more. Raises ProviderUnavailable."""
    try:
        document = await fetch_document(fetch, url, "fetching the provider's keys")
    except HTTPClientError as answer:
        raise ProviderUnavailable(f"there are no keys at {url}: {answer}") from None
    keys = read_signing_keys(document)
    if not keys:
        raise ProviderUnavailable(f"{url} has no key that this hub can use")
    return keys


def read_signing_keys(document: object) -> tuple[SigningKey, ...]:
    """Return the keys of a JWKS that sign; those of other kinds and uses are left out."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        return ()
    return tuple(key for key in map(make_signing_key, entries) if key)


def make_signing_key(jwk: object) -> SigningKey | None:
    """Return the key, or None for one with which this hub verifies nothing."""
    # A private key that is published is nobody's.
    if not isinstance(jwk, Mapping) or "d" in jwk or not _is_for_signatures(jwk):
        return None
    algorithms, key_id = find_algorithms(jwk), jwk.get("kid")
    if not algorithms or not isinstance(key_id, str | None):
        return None
    try:
        key = jwt.PyJWK(dict(jwk), min(algorithms)).key
    except Exception:
        # PyJWT lets other errors through too, and one bad key must not cost the good ones.
        return None
    if jwk["kty"] == "RSA" and key.key_size < SMALLEST_RSA_BITS:
        return None
    return SigningKey(key_id, algorithms, key)


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops")
    may_verify = operations is None or (isinstance(operations, list) and "verify" in operations)
    return may_verify and jwk.get("use") in (None, "sig")


def find_algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """Return what the key may be used with: what its kind allows, and no other than its ``alg``."""
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            algorithms = _RSA
        case "EC", "P-256":
            algorithms = frozenset({"ES256"})
        case "EC", "P-384":
            algorithms = frozenset({"ES384"})
        case "EC", "P-521":
            algorithms = frozenset({"ES512"})
        case "OKP", "Ed25519":
            algorithms = frozenset({"EdDSA"})
        case _:
            algorithms = frozenset()
    own = jwk.get("alg")
    return algorithms if own is None else frozenset(a for a in algorithms if a == own)


def read_header(token: object) -> dict[str, Any]:
    """Return the header, which nothing has verified yet. Raises jwt.PyJWTError."""
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise jwt.DecodeError("the token is no text of a token's form and length")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        # PyJWT quotes what anybody can write there.
        raise jwt.DecodeError("the token has no readable header") from None
    if not isinstance(header.get("alg"), str):
        raise jwt.InvalidAlgorithmError("the token names no algorithm")
    return header


def _decode(token: str, keys: Collection[SigningKey], checks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims if one of the keys signed them; the error is that of the last key."""
    *first, last = keys
    for key in first:
        try:
            return _decode_with(token, key, checks)
        except jwt.InvalidSignatureError:
            continue
    return _decode_with(token, last, checks)


def _decode_with(token: str, key: SigningKey, checks: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return jwt.decode(token, key.key, algorithms=sorted(key.algorithms), **checks)
    except (ValueError, TypeError, OverflowError, RecursionError):
        # What older releases of PyJWT let through.
        raise jwt.DecodeError("the token cannot be read") from None

"""What the hub asks an OpenID provider, beside what OAuthenticator asks it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import HTTPClientError

from jhub_gateway.errors import ConfigurationError, CredentialUnavailable
from jhub_gateway.policy.urls import check_login_url

CONNECT_SECONDS = 5
REQUEST_SECONDS = 10

NEEDED_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
OPTIONAL_ENDPOINTS = ("end_session_endpoint", "revocation_endpoint")

Fetch = Callable[..., Awaitable[Any]]


class ProviderError(CredentialUnavailable):
    """The provider cannot be used now. The message is for the log."""


class ProviderUnavailable(ProviderError):
    """No answer, or an answer that says: try later."""


class WrongDiscovery(ProviderError):
    """The provider's discovery document is not one that this hub can trust."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The addresses of an OpenID provider, as its discovery document names them."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None


class Discovery:
    """The provider's metadata, fetched when first needed and again after ``max_age`` seconds.

    Callers that ask at the same time share one request, and its failure. A failure is not kept:
    the next caller asks again. ``fetch(url, **options)`` returns decoded JSON, as
    ``OAuthenticator.httpfetch`` does; ``http_hosts`` may be reached without https.
    """

    def __init__(
        self,
        fetch: Fetch,
        issuer: str,
        max_age: float,
        http_hosts: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._max_age = max_age
        self._http_hosts = http_hosts
        self._clock = clock
        self._metadata: ProviderMetadata | None = None
        self._fetched_at = 0.0
        self._request: asyncio.Task[ProviderMetadata] | None = None

    async def get(self) -> ProviderMetadata:
        """Return the metadata. Raises ProviderUnavailable or WrongDiscovery."""
        if self._metadata and self._clock() - self._fetched_at < self._max_age:
            return self._metadata
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._renew())
        # One caller that goes away must not cancel the others' request.
        return await asyncio.shield(self._request)

    async def _renew(self) -> ProviderMetadata:
        document = await fetch_discovery_document(self._fetch, self._issuer)
        self._metadata = read_metadata(document, self._issuer, self._http_hosts)
        self._fetched_at = self._clock()
        return self._metadata


async def fetch_discovery_document(fetch: Fetch, issuer: str) -> object:
    """Return the decoded document. Raises ProviderUnavailable or WrongDiscovery."""
    url = make_discovery_url(issuer)
    try:
        return await fetch_document(fetch, url, "fetching the discovery document")
    except HTTPClientError as answer:
        raise WrongDiscovery(f"there is no discovery document at {url}: {answer}") from None


async def fetch_document(fetch: Fetch, url: str, label: str) -> object:
    """Return what the provider publishes at the address.

    Raises ProviderUnavailable, or tornado's HTTPClientError for 3xx and 4xx.
    """
    with unavailable_when_down(url):
        return await fetch(
            url,
            label=label,
            # A redirect could lead from https to http.
            follow_redirects=False,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
        )


def make_discovery_url(issuer: str) -> str:
    """Return the address of the discovery document (OpenID Connect Discovery, section 4)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def read_metadata(
    document: object, issuer: str, http_hosts: Collection[str] = ()
) -> ProviderMetadata:
    """Return what the hub needs of a discovery document. Raises WrongDiscovery."""
    url = make_discovery_url(issuer)
    if not isinstance(document, Mapping):
        raise WrongDiscovery(f"{url} is no discovery document")
    _check_issuer_is_the_same(document.get("issuer"), issuer)
    found: dict[str, Any] = {key: document.get(key) for key in NEEDED_ENDPOINTS}
    found |= {key: document[key] for key in OPTIONAL_ENDPOINTS if document.get(key) is not None}
    for key, value in found.items():
        _check_endpoint(f"{key} of {url}", value, http_hosts)
    return ProviderMetadata(issuer=issuer, **found)


def _check_issuer_is_the_same(stated: object, issuer: str) -> None:
    if stated == issuer:
        return
    hint = ""
    if isinstance(stated, str) and stated.rstrip("/") == issuer.rstrip("/"):
        hint = " Only the slash at the end differs."
    raise WrongDiscovery(
        f"the provider calls itself {stated!r}, and GatewayAuthenticator.issuer is {issuer!r}. "
        f"Both must be the same, character by character.{hint}"
    )


def _check_endpoint(name: str, value: object, http_hosts: Collection[str]) -> None:
    if not isinstance(value, str):
        raise WrongDiscovery(f"{name} is missing or is no text")
    try:
        check_login_url(name, value, http_hosts)
    except ConfigurationError as problem:
        raise WrongDiscovery(str(problem)) from None


@contextmanager
def unavailable_when_down(url: str) -> Iterator[None]:
    """Turn a failed connection, a time-out, a 5xx and a garbled answer into ProviderUnavailable.

    Other answers (tornado's HTTPClientError 3xx and 4xx) pass: what they mean, the caller knows.
    """
    try:
        yield
    except HTTPClientError as answer:
        if answer.code < 500:
            raise
        raise ProviderUnavailable(f"{url} failed: {answer}") from None
    except (json.JSONDecodeError, RecursionError):
        raise ProviderUnavailable(f"{url} answered with something that is no JSON") from None
    except OSError as problem:
        raise ProviderUnavailable(f"{url} cannot be reached: {problem}") from None

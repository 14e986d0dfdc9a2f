"""What a user's connectors have issued, renewed one by one."""

import asyncio
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from jhub_gateway.chance import draw_chance
from jhub_gateway.connectors.base import Connector, TokenService
from jhub_gateway.credential_metrics import count_renewal
from jhub_gateway.errors import CredentialRefused, CredentialUnavailable, LoginEnded
from jhub_gateway.models import Credential, Issued, Login
from jhub_gateway.policy.credentials import ACCESS_TOKEN
from jhub_gateway.policy.refresh import find_due, find_retry

_Result = TypeVar("_Result")

LATE = "The gateway is renewing this credential. Try again in a minute."
LOG_IN_AGAIN = "Log in at the gateway again."
# A system that refuses is asked again this much later: an operator may have mended it.
_REFUSED_SECONDS = 300


# How long one call of a connector may take, in seconds: more than the ten of a request to the
# provider. A start waits for it, and so does the stop of a server.
CONNECTOR_SECONDS = 15


class Source(NamedTuple):
    """Where a credential comes from: the kind of system, and its connector."""

    system: str
    connector: Connector


@dataclass(slots=True)
class _Kept:
    """A credential between two renewals; times are seconds since 1970."""

    credential: Credential
    connector: Connector
    next_at: float | None = 0.0
    failures: int = 0
    login_token: str = ""


class Renewals:
    """The credentials of one user beside the login's own, each by its connector's rules.

    A connector that fails, or has no answer in 15 seconds, leaves what it issued before, as long as
    that holds, and the others as they are. They are asked side by side.
    """

    def __init__(
        self, service: TokenService, log: Any, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._log = log
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def renew(self, login: Login, sources: Mapping[str, Source]) -> list[Credential]:
        """Return what the login has of the sources that its user may have, by name.

        Those of a source that the user has no more are revoked.
        """
        lost = [self._kept.pop(name) for name in self._kept.keys() - sources.keys()]
        for name, source in sources.items():
            self._kept.setdefault(name, _make_kept(name, source))
        due = [kept for kept in self._kept.values() if self._is_due(kept, login)]
        calls = [self._revoke_one(kept) for kept in lost]
        await asyncio.gather(*calls, *(self._renew_one(kept, login) for kept in due))
        return self.show(sources)

    def show(self, names: Iterable[str]) -> list[Credential]:
        """Return these as they are now; one that is not issued yet is late."""
        # In the operator's order, which all processes of a hub share.
        return [self._show(self._kept[name]) for name in names]

    @property
    def next_at(self) -> float | None:
        """When the next of them is due, in seconds since 1970."""
        times = [kept.next_at for kept in self._kept.values() if kept.next_at is not None]
        return min(times, default=None)

    def retry_now(self) -> None:
        """Have all issued anew for another login, but what failed alone where it is kept."""
        for kept in self._kept.values():
            if kept.failures or not kept.connector.is_kept:
                kept.next_at = 0.0

    def end(self, sources: Mapping[str, Source]) -> list[Credential]:
        """Return all as ended: a login that is over has none."""
        self._kept = {}
        return [
            Credential(name, source.system, source.connector.audience, "ended", LOG_IN_AGAIN)
            for name, source in sources.items()
        ]

    async def revoke(self) -> None:
        """Have each system take back what it issued; what it can't, ends by itself."""
        await asyncio.gather(*map(self._revoke_one, self._kept.values()))
        self._kept = {}

    async def _revoke_one(self, kept: _Kept) -> None:
        if kept.credential.issued == Issued():
            return
        try:
            await _limit(kept.connector.revoke(self._service, kept.credential.issued))
        except Exception as problem:
            name = kept.credential.name
            self._log.info("Credential %s is not revoked: %s", name, type(problem).__name__)

    def _is_due(self, kept: _Kept, login: Login) -> bool:
        # One that is the login's own token changes with it; what was refused may be given now.
        follows_login = kept.credential.issued.token == ACCESS_TOKEN
        was_refused = kept.credential.state == "ended"
        if (follows_login or was_refused) and kept.login_token != login.access_token:
            return True
        return kept.next_at is not None and kept.next_at <= self._clock()

    async def _renew_one(self, kept: _Kept, login: Login) -> None:
        now, connector = self._clock(), kept.connector
        kept.login_token = login.access_token
        try:
            if kept.credential.issued == Issued():
                call = connector.issue(login, self._service)
            else:
                call = connector.renew(login, self._service, kept.credential.issued)
            issued = await _limit(call)
        except CredentialRefused as refusal:
            self._log.warning(
                "Credential %s is refused to %s: %s",
                connector.name,
                login.username,
                refusal.__cause__ or refusal,
            )
            self._mark(kept, "ended", str(refusal), Issued())
            self._count(kept, "refused")
            kept.next_at = now + _REFUSED_SECONDS
        except Exception as problem:
            self._fail(kept, login.username, problem)
        else:
            self._mark(kept, "valid", "", issued)
            self._count(kept, "renewed")
            kept.failures = 0
            kept.next_at = _find_next(issued, now)

    def _fail(self, kept: _Kept, username: str, problem: Exception) -> None:
        kept.failures += 1
        kept.next_at = self._clock() + find_retry(kept.failures, draw_chance())
        is_known = isinstance(problem, CredentialUnavailable | LoginEnded)
        self._log.warning(
            "Credential %s of %s is not renewed: %s",
            kept.credential.name,
            username,
            problem if is_known else type(problem).__name__,
            exc_info=not is_known,
        )
        self._mark(kept, "late", LATE, kept.credential.issued)
        self._count(kept, "failed")

    def _count(self, kept: _Kept, result: str) -> None:
        count_renewal(kept.credential.name, kept.credential.system, result)

    def _mark(self, kept: _Kept, state: str, sentence: str, issued: Issued) -> None:
        kept.credential = replace(kept.credential, state=state, sentence=sentence, issued=issued)

    def _show(self, kept: _Kept) -> Credential:
        ends = kept.credential.issued.expires_at
        if ends is None or ends > self._clock():
            return kept.credential
        return replace(kept.credential, state="late", sentence=LATE, issued=Issued())

    # What outlives a restart of the hub

    def save(self, sources: Mapping[str, Source]) -> dict[str, Any]:
        """Return the JSON from which :meth:`load` makes those of connectors that keep theirs."""
        return {
            name: _encode(kept)
            for name, kept in self._kept.items()
            if name in sources
            and sources[name].connector.is_kept
            and kept.credential.issued != Issued()
        }

    def load(self, saved: Mapping[str, Any], sources: Mapping[str, Source]) -> None:
        """Take back what was saved, unless it is there already."""
        for name in (saved.keys() & sources.keys()) - self._kept.keys():
            try:
                self._kept[name] = _decode(saved[name], _make_kept(name, sources[name]))
            except (KeyError, TypeError, ValueError, AttributeError):
                self._log.warning("Credential %s was saved by another version; it is lost", name)


async def _limit(call: Awaitable[_Result]) -> _Result:
    """Raises CredentialUnavailable where the system takes too long."""
    try:
        async with asyncio.timeout(CONNECTOR_SECONDS):
            return await call
    except TimeoutError:
        raise CredentialUnavailable(f"no answer in {CONNECTOR_SECONDS} s") from None


def _make_kept(name: str, source: Source) -> _Kept:
    audience = source.connector.audience
    return _Kept(Credential(name, source.system, audience, "late", LATE), source.connector)


def _find_next(issued: Issued, now: float) -> float | None:
    if issued.renew_at is not None or issued.expires_at is None or issued.token == ACCESS_TOKEN:
        return issued.renew_at
    return find_due(now, issued.expires_at, draw_chance())


def _encode(kept: _Kept) -> dict[str, Any]:
    issued = kept.credential.issued
    return {
        "files": {name: b64encode(content).decode() for name, content in issued.files.items()},
        "token": issued.token,
        "expires_at": issued.expires_at,
        "renew_at": issued.renew_at,
        "handle": dict(issued.handle),
        "next_at": kept.next_at,
    }


def _decode(saved: Mapping[str, Any], empty: _Kept) -> _Kept:
    issued = Issued(
        files={name: b64decode(content) for name, content in saved["files"].items()},
        token=saved["token"],
        expires_at=saved["expires_at"],
        renew_at=saved["renew_at"],
        handle=saved["handle"],
    )
    return replace(
        empty,
        credential=replace(empty.credential, state="valid", sentence="", issued=issued),
        next_at=saved["next_at"],
    )

"""What the culling service asks the hub: which servers there are, and to warn of and stop some."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from jhub_gateway.clients.hub_api import HubUnavailable
from jhub_gateway.errors import ConfigurationError, GatewayError
from jhub_gateway.models import CullPolicy
from jhub_gateway.policy.cull_policies import parse_cull_policy

# A hub with thousands of servers that has just started takes its time.
REQUEST_SECONDS = 60
_USERS_PAGE = 200
_PAGINATED = "application/jupyterhub-pagination+json"
_POLICY_KEYS = frozenset(field.name for field in fields(CullPolicy))


class HubRefused(GatewayError):
    """The hub does not let this token do it. The message is the hub's own, for the log."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server as the hub lists it. Durations are seconds, ``policy`` is the one it is under.

    ``run`` is another for each start. ``url`` is where the server itself listens and ``key`` what
    it answers to, empty where it was started without one. ``idle_for`` is by the hub's own
    measure; all else is as in :class:`~jhub_gateway.models.ServerFacts`.
    """

    user: str
    name: str
    run: str
    profile: str
    policy: CullPolicy
    is_exempt: bool
    age: float
    idle_for: float
    url: str
    key: str
    kept_for: float
    granted: float
    warned_for: float | None

    @classmethod
    def make(cls, row: Mapping[str, Any], policies: list[CullPolicy]) -> Self:
        """Return it from a row of the hub's answer. Raises what a row of another form gives."""
        warned_for = row["warned_for"]
        return cls(
            user=str(row["user"]),
            name=str(row["server"]),
            run=str(row["run"] or ""),
            profile=str(row["profile"] or ""),
            policy=policies[row["policy"]],
            is_exempt=bool(row["is_exempt"]),
            age=float(row["age"]),
            idle_for=float(row["idle_for"]),
            url=str(row["url"] or ""),
            key=str(row["key"] or ""),
            kept_for=float(row["kept_for"]),
            granted=float(row["granted"]),
            warned_for=None if warned_for is None else float(warned_for),
        )

    @property
    def key_of_run(self) -> tuple[str, str, str]:
        """What tells this run of it from all others."""
        return self.user, self.name, self.run

    @property
    def address(self) -> dict[str, str]:
        """How the hub's API names this run of it."""
        return {"user": self.user, "server": self.name, "run": self.run}

    def __str__(self) -> str:
        return f"{self.user}:{self.name}" if self.name else self.user


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the hub lists them; ``unused_for`` is in seconds, by the hub's clock.

    Of one that was never used (not ``was_seen``) it is the account's age, or ``None`` where the hub
    does not show that.
    """

    name: str
    is_admin: bool
    has_server: bool
    was_seen: bool
    unused_for: float | None


class CullClient:
    """The hub's REST API; ``url`` ends in ``/hub/api``.

    Each call raises HubUnavailable where the hub does not answer as it should, and HubRefused for
    401 and 403. Neither message has the token.
    """

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def read_scopes(self) -> frozenset[str]:
        """Return the scopes of the token, with all that they imply."""
        answer = await self._ask("GET", "/user")
        try:
            return frozenset(answer["scopes"])
        except (KeyError, TypeError):
            raise self._make_strange("no scopes") from None

    async def list_servers(self, limit: int) -> AsyncIterator[list[RunningServer]]:
        """Yield the servers that are ready, in pages of at most ``limit``."""
        after: Any = 0
        while after is not None:
            path = f"/gateway/servers?state=ready&limit={limit}&after={int(after)}"
            page = await self._ask("GET", path)
            try:
                policies = [_read_policy(policy) for policy in page["policies"]]
                servers = [RunningServer.make(row, policies) for row in page["servers"]]
                following = page["next"]
            except (LookupError, TypeError, ValueError, ConfigurationError) as problem:
                raise self._make_strange(f"no list of servers ({problem!r})") from None
            if following is not None and not following > after:
                raise self._make_strange("a page that leads to itself")
            after = following
            yield servers

    async def post_notices(self, notices: Mapping[str, Any]) -> int:
        """Tell the hub of whom to warn; return how many servers it doesn't know so any more."""
        answer = await self._ask("POST", "/gateway/notices", notices)
        missed = answer.get("missed")
        return missed if isinstance(missed, int) else 0

    async def stop(self, server: RunningServer, cause: str, detail: str) -> str:
        """Have this run of the server stopped if nobody has kept it since it was listed.

        Return "", or why the hub did not: it is another run, or stops already.
        """
        body = {**server.address, "cause": cause, "granted": server.granted, "detail": detail}
        refusals = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        status, answer, _ = await self._send("POST", "/gateway/stops", body, refusals)
        if status in refusals:
            return f"{status} {answer.get('message') or ''}".strip()
        return ""

    async def list_accounts(self) -> AsyncIterator[Account]:
        """Yield all users: first those that were never active, and then who is so for longest."""
        offset: int | None = 0
        while offset is not None:
            path = f"/users?sort=last_activity&limit={_USERS_PAGE}&offset={int(offset)}"
            _, page, now = await self._send("GET", path)
            try:
                following = page["_pagination"]["next"]
                accounts = [_read_account(model, now) for model in page["items"]]
                offset = following["offset"] if following else None
            except (LookupError, TypeError, ValueError) as problem:
                raise self._make_strange(f"no list of users ({problem!r})") from None
            for account in accounts:
                yield account

    async def read_account(self, name: str) -> Account | None:
        """Return the user as they are now; None if there is none of that name any more."""
        path = f"/users/{quote(name, safe='')}"
        status, model, now = await self._send("GET", path, None, (HTTPStatus.NOT_FOUND,))
        if status == HTTPStatus.NOT_FOUND:
            return None
        try:
            return _read_account(model, now)
        except (LookupError, TypeError, ValueError) as problem:
            raise self._make_strange(f"no user ({problem!r})") from None

    async def remove_account(self, name: str) -> str:
        """Remove the user from the hub; return "", or why it was not done."""
        path = f"/users/{quote(name, safe='')}"
        refusals = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        status, answer, _ = await self._send("DELETE", path, None, refusals)
        return f"{status} {answer.get('message') or ''}".strip() if status in refusals else ""

    async def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return (await self._send(method, path, body))[1]

    async def _send(
        self, method: str, path: str, body: Any = None, refusals: tuple[int, ...] = ()
    ) -> tuple[int, dict[str, Any], datetime]:
        """Return the status, the answer and the hub's time of day."""
        place = f"{method} {self._url}{path.partition('?')[0]}"
        try:
            async with self._session.request(
                method, self._url + path, json=body, allow_redirects=False
            ) as response:
                status, text = response.status, await response.text()
                now = _read_date(response.headers.get("Date"))
        except (ClientError, OSError, TimeoutError, ValueError) as problem:
            words = f"{type(problem).__name__}: {problem}".rstrip(": ")
            raise HubUnavailable(f"{place} is not answered: {words}") from None
        answer = _read_object(text)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise HubRefused(f"{place}: {status} {answer.get('message') or ''}".strip())
        if status not in refusals and not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            said = answer.get("message") or ""
            raise HubUnavailable(f"{place} is answered with {status} {said}".strip())
        return status, answer, now

    def _make_strange(self, what: str) -> HubUnavailable:
        return HubUnavailable(f"{self._url} does not answer as a hub with jhub-gateway: {what}")


@asynccontextmanager
async def open_cull_client(url: str, token: str, concurrency: int) -> AsyncIterator[CullClient]:
    """Give the API with ``token``; at most ``concurrency`` requests are under way at once."""
    if not (token.isascii() and token.isprintable()):
        # The library's own error would repeat it.
        raise ConfigurationError("JUPYTERHUB_API_TOKEN has characters that no token has")
    session = ClientSession(
        connector=TCPConnector(limit=concurrency),
        timeout=ClientTimeout(total=REQUEST_SECONDS),
        headers={"Authorization": f"token {token}", "Accept": f"{_PAGINATED}, application/json"},
        cookie_jar=DummyCookieJar(),
    )
    async with session:
        yield CullClient(session, url)
        # Connections are closed in a later turn of the loop.
        await asyncio.sleep(0)


def _read_policy(policy: Mapping[str, Any]) -> CullPolicy:
    # A newer hub may say more.
    return parse_cull_policy({key: policy[key] for key in _POLICY_KEYS & policy.keys()}, "policy")


def _read_account(model: Mapping[str, Any], now: datetime) -> Account:
    # Without read:users the hub leaves out when an account was made.
    last = model["last_activity"] or model.get("created")
    return Account(
        name=model["name"],
        is_admin=bool(model["admin"]),
        has_server=bool(model["servers"]),
        was_seen=model["last_activity"] is not None,
        unused_for=None if last is None else (now - _read_time(last)).total_seconds(),
    )


def _read_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _read_date(header: str | None) -> datetime:
    return _read_time(parsedate_to_datetime(header).isoformat()) if header else datetime.now(UTC)


def _read_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

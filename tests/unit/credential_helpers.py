"""A hub's database with one user, and a provider whose refresh tokens are good once."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jupyterhub import orm, roles
from jupyterhub.crypto import CryptKeeper
from jupyterhub.user import User
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from jhub_gateway.authenticator import GatewayAuthenticator
from tests.unit.provider_keys import Signer, make_claims

ISSUER = "https://login.gateway.org"
CLIENT_ID, CLIENT_SECRET = "jupyterhub", "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol"
SOUND = {"issuer": ISSUER, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/auth",
    "token_endpoint": ISSUER + "/token",
    "userinfo_endpoint": ISSUER + "/userinfo",
    "jwks_uri": ISSUER + "/certs",
    "end_session_endpoint": ISSUER + "/logout",
    "revocation_endpoint": ISSUER + "/revoke",
}
ADA = {"sub": "7", "preferred_username": "ada", "groups": ["staff"]}
LIFETIME = 300
LOG = logging.getLogger("credentials")


def make_failure(status: int, error: object) -> HTTPClientError:
    """Return what tornado raises for an OAuth error; a text is the body as it is."""
    body = error if isinstance(error, str) else json.dumps(error)
    request = HTTPRequest(ISSUER + "/token")
    answer = HTTPResponse(request, status, buffer=BytesIO(body.encode()))
    return HTTPClientError(status, response=answer)


ENDED = make_failure(400, {"error": "invalid_grant"})


class Provider:
    """Rotates refresh tokens, and takes each of them once. The network alone is left out.

    ``trouble`` is raised instead of a token, or given as the body; ``more`` goes into the answer.
    """

    def __init__(self) -> None:
        self.count = 0
        self.good = {"refresh-0"}
        self.trouble: Any = None
        self.more: dict[str, Any] = {"expires_in": LIFETIME}
        self.rotates = True
        self.signer = Signer()
        self.answers: dict[str, Any] = {
            "openid-configuration": DOCUMENT,
            "userinfo": ADA,
            "certs": {"keys": [self.signer.make_jwk()]},
            "revoke": {},
        }
        self.requests: list[HTTPRequest] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def fetch(self, request: HTTPRequest, raise_error: bool = True, **_: Any) -> HTTPResponse:
        self.requests.append(request)
        await asyncio.sleep(0)
        name = urlsplit(request.url).path.rsplit("/", 1)[1]
        answer = self.answers[name] if name in self.answers else await self._give_token(request)
        response = getattr(answer, "response", None)
        if response is not None and not raise_error:
            return response
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return HTTPResponse(request, 200, buffer=BytesIO(body))

    async def _give_token(self, request: HTTPRequest) -> Any:
        await self.answering.wait()
        if self.trouble is not None:
            return self.trouble
        sent = parse_qs(request.body.decode())["refresh_token"][0]
        if sent not in self.good:
            return ENDED
        self.count += 1
        answer = {"access_token": f"access-{self.count}", "token_type": "Bearer", **self.more}
        if self.rotates:
            self.good = {f"refresh-{self.count}"}
            answer["refresh_token"] = f"refresh-{self.count}"
        return answer

    def make_id_token(self, **claims: Any) -> str:
        return self.signer.sign(make_claims(**{"iss": ISSUER, "aud": CLIENT_ID, **claims}))

    def count_requests(self, name: str = "token") -> int:
        return sum(urlsplit(each.url).path.endswith(f"/{name}") for each in self.requests)


def make_login(provider: Provider, cls: Any = GatewayAuthenticator, **settings: Any) -> Any:
    """Return an authenticator that asks this provider."""
    known = {name: value for name, value in SOUND.items() if hasattr(cls, name)}
    login = cls(**{**known, "allow_all": True, **settings})
    login.http_client = provider
    return login


class Clock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def make_state(age: float = 0, lifetime: float | None = LIFETIME, **changes: Any) -> dict[str, Any]:
    """Return the ``auth_state`` of a login whose token was asked for so many seconds ago."""
    asked = time.time() - age
    return {
        "access_token": "access-0",
        "refresh_token": "refresh-0",
        "id_token": None,
        "token_response": {"access_token": "access-0", "token_type": "Bearer"},
        "issuer": ISSUER,
        "subject": "7",
        "requested_at": asked,
        "expires_at": None if lifetime is None else asked + lifetime,
        "ended": None,
        **changes,
    }


def make_due_state(**changes: Any) -> dict[str, Any]:
    """Return a state that has to be refreshed, and holds for a while yet."""
    return make_state(age=LIFETIME * 0.7, **changes)


class Hub:
    """A process of a hub: a session on its database. Several may have the same database."""

    def __init__(self, database: str, **settings: Any) -> None:
        self.db = orm.new_session_factory(url=database)()
        self.settings = settings
        roles.create_role(self.db, roles.get_default_roles()[0])
        for role in roles.get_default_roles()[1:]:
            roles.create_role(self.db, role)

    def find_user(self, name: str = "ada") -> User:
        """Return the user, added if that is needed."""
        found = orm.User.find(self.db, name)
        if found is None:
            found = orm.User(name=name)
            self.db.add(found)
            self.db.commit()
            roles.assign_default_roles(self.db, entity=found)
        return User(found, self.settings, self.db)


def use_key(*keys: bytes) -> None:
    """Have the hub encrypt with the first key, and know the others."""
    CryptKeeper.clear_instance()
    CryptKeeper.instance(keys=list(keys or [bytes(range(32))]))


class MemoryStore:
    """A CredentialStore that counts; ``trouble`` is raised, ``is_free`` is what a claim gets."""

    username = "ada"

    def __init__(self) -> None:
        self.files: dict[str, bytes] | None = None
        self.trouble: Exception | None = None
        self.is_free = True
        self.is_held = False
        self.writes = self.changes = self.removes = self.looks = 0
        self.removing = asyncio.Event()
        self.removing.set()

    async def claim(self) -> bool:
        self._fail()
        self.is_held = self.is_free
        return self.is_free

    async def release(self) -> None:
        self._fail()
        self.is_held = False

    async def write(self, files: dict[str, bytes]) -> bool:
        await asyncio.sleep(0)
        self._fail()
        changed = self.files != dict(files)
        self.files, self.is_held = dict(files), False
        self.writes += 1
        self.changes += changed
        return changed

    async def look(self) -> None:
        """Nothing is looked at: it is here."""
        self.looks += 1

    async def remove(self) -> None:
        self._fail()
        self.removes += 1
        await self.removing.wait()
        self.files, self.is_held = None, False

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble


async def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so. Fails after so many seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def gather(*awaitables: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*awaitables))


def make_spawner(store: Any, sources: Any = None, **more: Any) -> SimpleNamespace:
    """Return the part of a spawner that the keeper asks."""

    async def load_owner() -> None:
        pass

    return SimpleNamespace(
        make_credential_store=lambda: store,
        find_credential_sources=lambda: sources or {},
        id_token_file=False,
        load_owner=load_owner,
        active=True,
        **more,
    )

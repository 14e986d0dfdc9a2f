"""A hub with servers for the culling service: its API with all preconditions, over real HTTP.

Who has which facts, a test says; time passes for them only if it says so.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "5e7v1c3"
POLICY = {
    "idle_after": 3600.0,
    "grace_after_disconnect": 60.0,
    "max_age": None,
    "warn_before": 600.0,
    "keep_alive_step": 7200.0,
    "keep_alive_max": 14400.0,
    "busy_counts_as_active": True,
    "busy_max": 86400.0,
}
IN_USE = {"idle_for": 0, "disconnected_for": 0, "busy_for": None, "busy": ""}
IDLE = IN_USE | {"idle_for": 7200, "disconnected_for": 7200}


@dataclass
class Server:
    """One server. ``answer`` is what it says: JSON, raw bytes, a status, or None for silence."""

    user: str
    name: str = ""
    run: str = "aaaa"
    profile: str = "small"
    policy: int = 0
    is_exempt: bool = False
    age: float = 50000.0
    idle_for: float = 0.0
    key: str = "open sesame"
    kept_for: float = 0.0
    granted: float = 0.0
    warned_for: float | None = None
    answer: Any = field(default_factory=lambda: dict(IN_USE))
    bodies: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)

    @property
    def shown(self) -> Any:
        """What it was told last."""
        return self.bodies[-1]["stop"]


class CullHub:
    """``stopped`` counts the stops that were let through; ``is_down`` makes it answer 503.

    ``page`` is a list of servers to answer with instead of the truth.
    """

    def __init__(self) -> None:
        self.servers: dict[tuple[str, str], Server] = {}
        self.users: list[dict[str, Any]] = []
        self.policies = [dict(POLICY)]
        self.scopes = ["read:servers", "delete:servers"]
        self.token = TOKEN
        self.url = ""
        self.is_down = False
        self.stopped: Counter[str] = Counter()
        self.orders: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.refusals: list[str] = []
        self.before_stop: Any = None
        self.after_list: Any = None
        self.page: Any = None

    def add(self, *servers: Server) -> None:
        """Let these run."""
        for server in servers:
            self.servers[server.user, server.name] = server

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all that the hub counts, and for what servers say of themselves."""
        for server in self.servers.values():
            server.age += seconds
            server.idle_for += seconds
            server.kept_for = max(server.kept_for - seconds, 0)
            if server.warned_for is not None:
                server.warned_for += seconds
            if isinstance(server.answer, dict):
                for key in ("idle_for", "disconnected_for", "busy_for"):
                    if server.answer.get(key):
                        server.answer[key] += seconds

    def make_app(self) -> web.Application:
        """The hub below /hub/api, and all servers below /user."""
        app = web.Application(middlewares=[self._check])
        router = app.router
        router.add_get("/hub/api/user", self._user)
        router.add_get("/hub/api/users", self._users)
        router.add_get("/hub/api/users/{user}", self._read_user)
        router.add_delete("/hub/api/users/{user}", self._delete_user)
        router.add_get("/hub/api/gateway/servers", self._list)
        router.add_post("/hub/api/gateway/notices", self._notice)
        router.add_post("/hub/api/gateway/stops", self._stop)
        router.add_post("/user/{user}/jhub-gateway/use", self._use)
        router.add_post("/user/{user}/{name}/jhub-gateway/use", self._use)
        return app

    @web.middleware
    async def _check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/hub/"):
            return await handler(request)
        self.calls.append(f"{request.method} {request.path}")
        if self.is_down:
            return web.json_response({"message": "down"}, status=503)
        if request.headers.get("Authorization") != f"token {self.token}":
            return web.json_response({"message": "Missing or invalid credentials."}, status=403)
        return await handler(request)

    async def _user(self, _request: web.Request) -> web.Response:
        return web.json_response({"kind": "service", "name": "cull", "scopes": self.scopes})

    async def _list(self, request: web.Request) -> web.Response:
        if self.page is not None:
            return web.json_response(self.page)
        after, limit = int(request.query["after"]), int(request.query["limit"])
        page = list(enumerate(self.servers.values(), 1))
        rows = [one for one in page if one[0] > after][:limit]
        return web.json_response(
            {
                "policies": self.policies,
                "servers": [self._make_row(server) for _, server in rows],
                "next": rows[-1][0] if len(rows) == limit else None,
            }
        )

    def _make_row(self, server: Server) -> dict[str, Any]:
        name = f"{server.name}/" if server.name else ""
        keys = ("user", "run", "profile", "policy", "is_exempt", "age", "idle_for", "key")
        row = {key: getattr(server, key) for key in (*keys, "kept_for", "granted", "warned_for")}
        url = f"{self.url}/user/{server.user}/{name}"
        return row | {"server": server.name, "url": url, "cause": None}

    async def _notice(self, request: web.Request) -> web.Response:
        notices = await request.json()
        self.notices.append(notices)
        missed = 0
        for kind in ("warn", "clear"):
            for one in notices[kind]:
                server = self.servers.get((one["user"], one["server"]))
                if server is None or server.run != one["run"]:
                    missed += 1
                elif kind == "clear":
                    server.warned_for = None
                elif server.warned_for is None:
                    server.warned_for = 0.0
        return web.json_response({"missed": missed})

    async def _stop(self, request: web.Request) -> web.Response:
        order = await request.json()
        self.orders.append(order)
        if self.before_stop:
            await self.before_stop(order)
        server = self.servers.get((order["user"], order["server"]))
        if server is None:
            return self._refuse(404, "There is no such server.")
        if server.run != order["run"] or server.granted != order["granted"]:
            return self._refuse(409, "It was restarted, or kept.")
        warn_before = self.policies[server.policy]["warn_before"]
        if server.warned_for is None or server.warned_for < warn_before:
            return self._refuse(409, "Its user was not warned.")
        self.stopped[f"{server.user}:{server.name}:{server.run}"] += 1
        del self.servers[order["user"], order["server"]]
        return web.json_response({}, status=202)

    def _refuse(self, status: int, message: str) -> web.Response:
        self.refusals.append(message)
        return web.json_response({"message": message}, status=status)

    async def _use(self, request: web.Request) -> web.StreamResponse:
        words = request.match_info
        server = self.servers.get((words["user"], words.get("name", "")))
        if server is None:
            return web.Response(status=404)
        server.headers.append(dict(request.headers))
        server.bodies.append(await request.json())
        if server.answer is None:
            await asyncio.sleep(60)
        if isinstance(server.answer, web.StreamResponse):
            return server.answer
        if isinstance(server.answer, int):
            # Where a redirect would lead, no key must come to.
            return web.Response(status=server.answer, headers={"Location": "/user/thief/x"})
        if request.headers.get("X-Jhub-Gateway-Key") != server.key:
            return web.Response(status=403)
        answer = server.answer
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=text, content_type="application/json")

    async def _users(self, request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        known = sorted(self.users, key=lambda user: user["last_activity"] or "")
        following = {"offset": offset + limit} if offset + limit < len(known) else None
        page = {"items": known[offset : offset + limit], "_pagination": {"next": following}}
        answer = web.json_response(page)
        if self.after_list:
            self.after_list()
        return answer

    async def _read_user(self, request: web.Request) -> web.Response:
        found = [user for user in self.users if user["name"] == request.match_info["user"]]
        return web.json_response(found[0] if found else {}, status=200 if found else 404)

    async def _delete_user(self, request: web.Request) -> web.Response:
        self.users = [user for user in self.users if user["name"] != request.match_info["user"]]
        return web.Response(status=204)


@asynccontextmanager
async def run_cull_hub() -> AsyncIterator[CullHub]:
    """Run one on a free port of the loopback."""
    hub = CullHub()
    async with serve(hub):
        yield hub


@asynccontextmanager
async def serve(hub: CullHub, port: int = 0) -> AsyncIterator[int]:
    """Answer for the hub at a port, until the end; 0 is any that is free."""
    runner = web.AppRunner(hub.make_app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    port = runner.addresses[0][1]
    hub.url = hub.url or f"http://127.0.0.1:{port}"
    try:
        yield port
    finally:
        await runner.cleanup()

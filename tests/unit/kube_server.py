"""An API server of pods and events for unit tests: it answers what a test says, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

NAMESPACE = "users"


class KubeServer:
    """``pods`` by name, ``calls`` as method and path.

    ``answers`` are given to the next requests for pods instead of the truth: a status, or a
    function that is awaited, of the request and of what would answer it.
    """

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.answers: list[Any] = []
        self.calls: list[tuple[str, str]] = []
        self.lists = 0
        self.is_down = False
        self.nodes: dict[str, dict[str, Any]] = {}
        self.watches: dict[str, set[asyncio.Queue[Any]]] = {
            kind: set() for kind in ("pods", "events", "nodes")
        }
        self._version = 100
        self._history: list[tuple[str, int, Any]] = []
        self._uids = 0

    def list_calls(self, method: str) -> list[str]:
        """The paths that were asked for by this method, watches and lists aside."""
        return [path for verb, path in self.calls if verb == method]

    def make_pod(self, name: str, **metadata: Any) -> dict[str, Any]:
        """Put a pod there, and tell the watches."""
        self._uids += 1
        pod = {
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{self._uids}"}
            | metadata,
            "spec": {
                "containers": [{"name": "notebook", "env": [{"name": "A"}], "ports": []}],
                "volumes": [{"name": "home"}],
            },
            "status": {"phase": "Pending"},
        }
        self.put(pod)
        return pod

    def put(self, pod: dict[str, Any]) -> None:
        """Change a pod, and tell the watches."""
        self.pods[pod["metadata"]["name"]] = pod
        self.send("pods", "MODIFIED", pod)

    def put_node(self, name: str, **allocatable: str) -> None:
        """Put a ready node there, or change it, and tell the watches."""
        ready = [{"type": "Ready", "status": "True"}]
        self.nodes[name] = {
            "metadata": {"name": name},
            "status": {"allocatable": allocatable, "conditions": ready},
        }
        self.send("nodes", "MODIFIED", self.nodes[name])

    def remove(self, name: str) -> None:
        """Let a pod be gone, and tell the watches."""
        self.send("pods", "DELETED", self.pods.pop(name))

    def send(self, kind: str, change: str, thing: dict[str, Any]) -> None:
        """Tell the watches of a change."""
        self._version += 1
        thing["metadata"]["resourceVersion"] = str(self._version)
        event = json.loads(json.dumps({"type": change, "object": thing}))
        self._history.append((kind, self._version, event))
        self.send_raw(kind, event)

    def send_raw(self, kind: str, event: Any) -> None:
        """Send each watch of a kind this event; None ends them."""
        for queue in self.watches[kind]:
            queue.put_nowait(json.loads(json.dumps(event)))

    async def wait_for_watch(self, kind: str = "pods") -> None:
        """Return once somebody watches."""
        async with asyncio.timeout(5):
            while not self.watches[kind]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def make_app(self) -> web.Application:
        app = web.Application()
        base = f"/api/v1/namespaces/{NAMESPACE}"
        app.router.add_get(f"{base}/{{kind:pods|events}}", self._list_or_watch)
        app.router.add_get("/api/v1/{kind:pods|nodes}", self._list_or_watch)
        app.router.add_post(f"{base}/pods", self._answer(self._create))
        app.router.add_get(f"{base}/pods/{{name}}", self._answer(self._read))
        app.router.add_delete(f"{base}/pods/{{name}}", self._answer(self._delete))
        return app

    def _answer(self, truth: Any) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.calls.append((request.method, request.path))
            told = self.answers.pop(0) if self.answers else None
            if isinstance(told, int):
                headers = {"Retry-After": "1"} if told == 429 else {}
                return web.json_response({"message": "told so"}, status=told, headers=headers)
            if told is not None:
                return await told(request, truth)
            return await truth(request)

        return answer

    async def _create(self, request: web.Request) -> web.Response:
        manifest = await request.json()
        name = manifest["metadata"]["name"]
        if name in self.pods:
            return web.json_response({"reason": "AlreadyExists"}, status=409)
        own = {key: manifest["metadata"].get(key, {}) for key in ("annotations", "labels")}
        return web.json_response(self.make_pod(name, **own), status=201)

    async def _read(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["name"])
        return web.json_response(pod) if pod else self._answer_gone()

    def _answer_gone(self) -> web.Response:
        details = {"name": "x", "kind": "pods"}
        body = {"kind": "Status", "reason": "NotFound", "details": details, "code": 404}
        return web.json_response(body, status=404)

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        wanted = (await request.json())["preconditions"]["uid"]
        if name not in self.pods:
            return self._answer_gone()
        if self.pods[name]["metadata"]["uid"] != wanted:
            return web.json_response({"reason": "Conflict"}, status=409)
        self.remove(name)
        return web.json_response({})

    async def _list_or_watch(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if self.is_down:
            return web.json_response({"message": "down"}, status=500)
        if request.query.get("watch"):
            return await self._watch(request, kind)
        self.lists += 1
        items = list({"pods": self.pods, "nodes": self.nodes}.get(kind, {}).values())
        first, most = int(request.query.get("continue", 0)), int(request.query.get("limit", 1000))
        metadata = {"resourceVersion": str(self._version)}
        if first + most < len(items):
            metadata["continue"] = str(first + most)
        return web.json_response({"metadata": metadata, "items": items[first : first + most]})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for of_kind, version, event in self._history:
            if of_kind == kind and version > int(request.query["resourceVersion"]):
                queue.put_nowait(event)
        self.watches[kind].add(queue)
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self.watches[kind].discard(queue)
        return response


@asynccontextmanager
async def run_kube_server() -> AsyncIterator[tuple[KubeServer, CoreV1Api]]:
    """Run one, with a client of it."""
    server = KubeServer()
    test_server = TestServer(server.make_app())
    await test_server.start_server()
    host = str(test_server.make_url("")).rstrip("/")
    async with ApiClient(Configuration(host=host)) as client:
        yield server, CoreV1Api(client)
    for queue in [queue for watching in server.watches.values() for queue in watching]:
        queue.put_nowait(None)
    await test_server.close()

"""What the server answers about its use: to the hub's side, by its key, and to its JupyterLab."""

import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from jupyter_server.auth import decorator
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, RequestHandler, authenticated, stream_request_body

from jhub_gateway.notebook.hub_keep import ask_to_keep
from jhub_gateway.notebook.memory import MemoryWatch
from jhub_gateway.notebook.request_use import RequestUse
from jhub_gateway.notebook.stop_notice import StopNotice
from jhub_gateway.notebook.use import UseWatch
from jhub_gateway.notebook.use_body import MOST_BYTES, read_stop
from jhub_gateway.notebook.use_key import is_key
from jhub_gateway.notebook.use_looks import Looks

# Before 2.13 Jupyter Server asks for no such mark.
allow_unauthenticated: Any = getattr(decorator, "allow_unauthenticated", lambda method: method)

KEY_HEADER = "X-Jhub-Gateway-Key"


@dataclass(frozen=True)
class UseParts:
    """What the handlers share: the ``key`` of this run, "" if it has none, and what they ask."""

    key: str
    watch: UseWatch
    notice: StopNotice
    requests: RequestUse
    looks: Looks
    memory: MemoryWatch


@stream_request_body
class UseHandler(RequestHandler):
    """How the server is used, for whoever has the key of this run.

    It is no handler of Jupyter's: those ask the hub who is there, and have cookies and XSRF.
    """

    def initialize(self, parts: UseParts) -> None:
        self._parts = parts
        self._body = bytearray()

    def check_xsrf_cookie(self) -> None:
        """No browser has the key, and nothing else opens this."""

    def prepare(self) -> None:
        # Before anything of the body is read
        if self.request.method != "POST":
            return
        if not self._parts.key:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        if not is_key(self.request.headers.get(KEY_HEADER, ""), self._parts.key):
            raise HTTPError(HTTPStatus.FORBIDDEN)
        self.request.connection.set_max_body_size(MOST_BYTES)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk

    @allow_unauthenticated
    async def post(self) -> None:
        # A dry run announces nothing, and takes nothing back.
        is_question_alone = self._body == b"{}"
        try:
            stop = None if is_question_alone else read_stop(bytes(self._body))
        except ValueError as problem:
            self.set_status(HTTPStatus.BAD_REQUEST)
            self.finish({"message": f"This cannot be read: {problem}."})
            return
        await self._parts.looks.look()
        if not is_question_alone:
            self._parts.notice.tell(stop)
        use = asdict(self._parts.watch.measure())
        self.finish(use | {"memory_peak": self._parts.memory.peak})


class UsePartHandler(APIHandler):
    """For the server's own user, in its JupyterLab."""

    def initialize(self, parts: UseParts) -> None:
        self._parts = parts


class StopHandler(UsePartHandler):
    """The stop that is announced, as :meth:`StopNotice.read` has it."""

    # A page that is left open asks again and again: that is no sign of somebody's presence.
    _track_activity = False

    @authenticated
    def get(self) -> None:
        self._parts.watch.note_page()
        self._parts.requests.note_telling(self)
        self.finish(json.dumps(self._parts.notice.read()))


class PresenceHandler(UsePartHandler):
    """Somebody is there: they type, click or scroll."""

    @authenticated
    def post(self) -> None:
        self._parts.watch.note_page()
        self._parts.watch.note_use()
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


class KeepHandler(UsePartHandler):
    """Keep the server for longer, if the hub agrees: its numbers, or its sentence."""

    @authenticated
    async def post(self) -> None:
        try:
            status, answer = await ask_to_keep()
        except KeyError:
            raise HTTPError(HTTPStatus.NOT_FOUND) from None
        if status == HTTPStatus.OK:
            self._parts.notice.note_kept()
        self.set_status(status)
        self.finish(json.dumps(answer))


def make_use_handlers(base_url: str, parts: UseParts) -> list[tuple[Any, ...]]:
    """Return the handlers with their addresses, for Tornado."""
    handlers = {
        "use": UseHandler,
        "stop": StopHandler,
        "presence": PresenceHandler,
        "keep": KeepHandler,
    }
    return [
        (url_path_join(base_url, "jhub-gateway", name), handler, {"parts": parts})
        for name, handler in handlers.items()
    ]

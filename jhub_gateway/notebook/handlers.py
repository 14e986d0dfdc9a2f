"""What the server answers to its own JupyterLab."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from jhub_gateway.notebook.credential_health import read_health
from jhub_gateway.notebook.memory import MemoryWatch, read_memory
from jhub_gateway.notebook.space import read_space


class StateHandler(APIHandler):
    """The JSON of what a function reads from the disk."""

    # A page that is left open asks again and again: that is no sign of somebody's presence.
    _track_activity = False
    read: ClassVar[Callable[[], dict[str, Any]]]

    @authenticated
    async def get(self) -> None:
        # A storage server that hangs must not stop the notebooks beside it.
        self.finish(json.dumps(await asyncio.to_thread(type(self).read)))


class SpaceHandler(StateHandler):
    """How full the home is, as the JSON of :class:`jhub_gateway.notebook.space.Space`."""

    @staticmethod
    def read() -> dict[str, Any]:
        return asdict(read_space())


class CredentialsHandler(StateHandler):
    """How the credentials are, and nothing that is in them."""

    read = staticmethod(read_health)


class MemoryHandler(APIHandler):
    """What became of the server for want of memory, as the watch has seen it."""

    _track_activity = False

    def initialize(self, watch: MemoryWatch) -> None:
        self.watch = watch

    @authenticated
    def get(self) -> None:
        self.finish(json.dumps(read_memory(self.watch)))


def make_handlers(base_url: str, watch: MemoryWatch) -> list[tuple[Any, ...]]:
    """Return the handlers with their addresses, for Tornado."""
    return [
        (url_path_join(base_url, "jhub-gateway", "space"), SpaceHandler),
        (url_path_join(base_url, "jhub-gateway", "credentials"), CredentialsHandler),
        (url_path_join(base_url, "jhub-gateway", "memory"), MemoryHandler, {"watch": watch}),
    ]

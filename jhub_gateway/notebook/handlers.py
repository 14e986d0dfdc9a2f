"""What the server answers to its own JupyterLab."""

import asyncio
import json
from dataclasses import asdict
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from jhub_gateway.notebook.space import read_space


class SpaceHandler(APIHandler):
    """How full the home is, as the JSON of :class:`jhub_gateway.notebook.space.Space`."""

    # A page that is left open asks again and again: that is no sign of somebody's presence.
    _track_activity = False

    @authenticated
    async def get(self) -> None:
        # A storage server that hangs must not stop the notebooks beside it.
        self.finish(json.dumps(asdict(await asyncio.to_thread(read_space))))


def make_handlers(base_url: str) -> list[tuple[str, Any]]:
    """Return the handlers with their addresses, for Tornado."""
    return [(url_path_join(base_url, "jhub-gateway", "space"), SpaceHandler)]

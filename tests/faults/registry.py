"""A registry of images that has none: it answers at once, not at all, or with a refusal."""

import threading

from tests.fixtures.thread_server import QuietHandler, ThreadServer

_CONFIG = """
def choose_image(spawner, pod):
    kind = spawner.user.name.partition("-")[0]
    if kind in ("missing", "denied", "slow"):
        pod.spec.containers[0].image = "{address}/" + kind + ":1"
    return pod

c.KubeSpawner.modify_pod_hook = choose_image

# A pod whose image is on its way ends with the download; it is given up after 6 s instead of 31.
from jhub_gateway import steady_spawner
steady_spawner._GOING_SECONDS = 5
"""

_NOT_FOUND = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
_DENIED = b'{"errors": [{"code": "DENIED", "message": "requested access is denied"}]}'


class Registry:
    """Runs until `stop`. The images are `missing`, `denied` and, pulled for ever, `slow`."""

    def __init__(self) -> None:
        self._end = threading.Event()
        handler = type("Handler", (_Handler,), {"end": self._end})
        self._server = ThreadServer(handler, "127.0.0.1")
        self._address = self._server.url.removeprefix("http://")

    def make_config(self) -> str:
        """The part of a hub's configuration that gives users like `missing-1` such an image."""
        return _CONFIG.format(address=self._address)

    def stop(self) -> None:
        """Take no more connections, and let those go that wait."""
        self._end.set()
        self._server.stop()


class _Handler(QuietHandler):
    end: threading.Event

    def do_GET(self) -> None:
        if "/slow/" in self.path:
            self.end.wait(600)
        status, body = (403, _DENIED) if "/denied/" in self.path else (404, _NOT_FOUND)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

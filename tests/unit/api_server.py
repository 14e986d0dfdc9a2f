"""A Kubernetes that does not answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes_asyncio.client import Configuration


@contextmanager
def no_api_server() -> Iterator[None]:
    """Let the Kubernetes client ask a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    before = Configuration.get_default_copy()
    Configuration.set_default(Configuration(host=f"http://127.0.0.1:{closed}"))
    try:
        yield
    finally:
        Configuration.set_default(before)

"""All users' servers at one address: it answers as soon as it is asked, as a fast server would.

The pods of fake nodes run nothing, and what a hub asks of a server is one request: whether it is
there, and of which version. Prints its port.
"""

import asyncio

import jupyterhub
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets


class AnswerHandler(web.RequestHandler):
    """Says what jupyterhub-singleuser says at ``/user/NAME/api``."""

    def get(self) -> None:
        """The version, in the header that the hub compares with its own."""
        self.set_header("X-JupyterHub-Version", jupyterhub.__version__)
        self.write({"version": "2.0.0"})


async def serve() -> None:
    """Listen on a free port of 127.0.0.1, for ever."""
    (socket,) = bind_sockets(0, "127.0.0.1", backlog=1024)
    handlers = [(r"/user/.*", AnswerHandler)]
    server = HTTPServer(web.Application(handlers, log_function=lambda _handler: None))
    server.add_socket(socket)
    print(socket.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())

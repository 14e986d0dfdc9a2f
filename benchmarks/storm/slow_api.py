"""A way to the API server on which the answer to each creation of a pod is late.

Takes the API server's address, the file of its authority and the delay in seconds; prints its
port. The API server has made the pod by then: what is late is that the hub hears of it. All else
passes at once, watches too. A hub that gives up waiting does not undo what it asked for.
"""

import asyncio
import ssl
import sys
from contextlib import suppress

import aiohttp
from aiohttp import web

# Of one connection, not of the whole way (RFC 9110, section 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}


def is_creation_of_pod(method: str, path: str) -> bool:
    """Whether a request is to make a pod, and not to bind or evict one."""
    return method == "POST" and path.endswith("/pods")


class SlowApi:
    """Passes requests on to ``server``, with ``delay`` seconds before some of the answers."""

    def __init__(self, session: aiohttp.ClientSession, server: str, delay: float) -> None:
        self._session = session
        self._server = server
        self._delay = delay

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as the API server does."""
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _HOP_BY_HOP}
        body = await request.read()
        async with self._session.request(
            request.method, self._server + request.raw_path, data=body, headers=headers
        ) as upstream:
            if is_creation_of_pod(request.method, request.path):
                await asyncio.sleep(self._delay)
            passed = {n: v for n, v in upstream.headers.items() if n.lower() not in _HOP_BY_HOP}
            passed.pop("Content-Length", None)
            response = web.StreamResponse(status=upstream.status, headers=passed)
            # A hub that has left wants no answer.
            with suppress(ConnectionError):
                await response.prepare(request)
                async for chunk in upstream.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response


async def serve(server: str, authority: str, delay: float) -> None:
    """Listen on a free port of 127.0.0.1, for ever."""
    context = ssl.create_default_context(cafile=authority)
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    timeout = aiohttp.ClientTimeout(total=None)
    # What is compressed is passed on as it is.
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False
    ) as session:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", SlowApi(session, server, delay).answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))

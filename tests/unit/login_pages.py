"""The hub's login pages, served on loopback, and a browser that keeps cookies."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from jupyterhub.handlers import BaseHandler
from jupyterhub.user import UserDict
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from traitlets.config import Config

from jhub_gateway.login.back_channel import BackChannelLogoutHandler
from tests.unit.credential_helpers import Hub


class WhoHandler(BaseHandler):
    """Says who is logged in; a POST logs somebody in."""

    def check_xsrf_cookie(self) -> None:
        pass

    def get(self) -> None:
        self.finish(self.current_user.name if self.current_user else "")

    def post(self) -> None:
        self.set_login_cookie(self.find_user(self.get_body_argument("name")))
        self.finish("")


class Browser:
    """Follows no redirect, and keeps the cookies."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> HTTPResponse:
        return await self._ask(path)

    async def post(self, path: str, **fields: str) -> HTTPResponse:
        return await self._ask(path, method="POST", body=urlencode(fields))

    async def find_user(self) -> str:
        """Return who is logged in; nobody is an empty text."""
        return (await self.get("/hub/who")).body.decode()

    async def _ask(self, path: str, **options: Any) -> HTTPResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await AsyncHTTPClient().fetch(
            self._root + path,
            headers={"Cookie": cookies},
            follow_redirects=False,
            raise_error=False,
            **options,
        )
        for line in answer.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer


@asynccontextmanager
async def serve_pages(hub: Hub, login: Any) -> AsyncIterator[Any]:
    """Serve the pages of this hub's login; yields an opener of browsers, and the users."""
    users = UserDict(lambda: hub.db, hub.settings)
    app = Application(
        [
            (r"/hub/oauth_login", login.login_handler),
            (r"/hub/logout", login.logout_handler),
            (r"/hub/back_channel_logout", BackChannelLogoutHandler),
            (r"/hub/who", WhoHandler),
        ],
        authenticator=login,
        base_url="/",
        config=Config(),
        cookie_max_age_days=1,
        cookie_secret=b"0" * 32,
        db=hub.db,
        eventlog=None,
        hub=SimpleNamespace(
            base_url="/hub/",
            cookie_name="jupyterhub-hub-login",
            server=SimpleNamespace(base_url="/hub/"),
        ),
        log=logging.getLogger("hub"),
        login_url="/hub/oauth_login",
        statsd=SimpleNamespace(incr=lambda *_: None),
        users=users,
        xsrf_cookies=True,
    )
    socket, port = bind_unused_port()
    server = HTTPServer(app)
    server.add_socket(socket)
    try:
        yield SimpleNamespace(open=lambda: Browser(port), users=users)
    finally:
        server.stop()
        await server.close_all_connections()

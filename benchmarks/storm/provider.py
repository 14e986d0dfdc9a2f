"""An OpenID provider of which a storm needs two answers: where things are, and who is who.

Each start of GatewaySpawner asks for the user's groups by their access token. The tests' real
provider would take as much of this machine as a hub does; at a gateway it runs elsewhere. Prints
its port. An access token is ``NAME.`` and any padding.
"""

import asyncio

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

GROUPS = ("/gateway/users", "/gateway/large-memory")
PADDING = "x" * 800
"""Tokens that are JSON Web Tokens are about as long."""


def make_userinfo(name: str) -> dict[str, object]:
    """What the provider says of a user."""
    return {
        "sub": f"subject-of-{name}",
        "preferred_username": name,
        "name": name.title(),
        "email": f"{name}@example.org",
        "groups": list(GROUPS),
    }


def make_auth_state(name: str, issuer: str, now: float, lifetime: float) -> dict[str, object]:
    """What GatewayAuthenticator keeps of a login: its tokens hold ``lifetime`` seconds."""
    userinfo = make_userinfo(name)
    tokens = {
        "access_token": f"{name}.{PADDING}",
        "refresh_token": f"{name}.{PADDING}",
        "id_token": f"{name}.{PADDING}",
    }
    answer = {
        **tokens,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": "openid profile email groups",
        "requested_at": now,
    }
    return {
        **tokens,
        "scope": ["openid", "profile", "email", "groups"],
        "token_response": answer,
        "oauth_user": userinfo,
        "issuer": issuer,
        "subject": userinfo["sub"],
        "display_name": userinfo["name"],
        "session": None,
        "requested_at": now,
        "expires_at": now + lifetime,
        "ended": None,
    }


class DiscoveryHandler(web.RequestHandler):
    """Where things are (OpenID Connect Discovery, section 4)."""

    def get(self) -> None:
        """The discovery document."""
        issuer = f"http://{self.request.host}"
        names = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "jwks",
        }
        self.write({"issuer": issuer} | {name: f"{issuer}/{path}" for name, path in names.items()})


class UserinfoHandler(web.RequestHandler):
    """Who a token's user is, and their groups of now."""

    def get(self) -> None:
        """The claims, by the name that the token begins with."""
        token = self.request.headers["Authorization"].removeprefix("Bearer ")
        self.write(make_userinfo(token.partition(".")[0]))


async def serve() -> None:
    """Listen on a free port of 127.0.0.1, for ever."""
    (socket,) = bind_sockets(0, "127.0.0.1", backlog=1024)
    handlers = [
        (r"/\.well-known/openid-configuration", DiscoveryHandler),
        (r"/userinfo", UserinfoHandler),
    ]
    server = HTTPServer(web.Application(handlers, log_function=lambda _handler: None))
    server.add_socket(socket)
    print(socket.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())

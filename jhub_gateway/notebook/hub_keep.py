"""Asking the hub to keep this server for longer, with the server's own token."""

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

SECONDS = 20.0
"""So long the hub may take for its answer."""

_TROUBLE = (
    "The hub can't be asked to keep your server just now. Try it again, or on the hub's home page."
)


async def ask_to_keep(environ: Mapping[str, str] = os.environ) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON for JupyterLab.

    200 has ``seconds`` until the stop now, ``granted`` and ``more``, as the hub says; any other
    status has ``message``, a sentence for the user. Raises KeyError outside a hub.
    """
    try:
        answer = await AsyncHTTPClient().fetch(_make_request(environ), raise_error=False)
        found = json.loads(answer.body or b"null")
    except (OSError, ValueError, RecursionError):
        return HTTPStatus.BAD_GATEWAY, {"message": _TROUBLE}
    if answer.code == HTTPStatus.OK and isinstance(found, dict):
        return HTTPStatus.OK, {key: found.get(key) for key in ("seconds", "granted", "more")}
    if answer.code == HTTPStatus.CONFLICT and isinstance(found, dict):
        return HTTPStatus.CONFLICT, {"message": str(found.get("message") or _TROUBLE)}
    return HTTPStatus.BAD_GATEWAY, {"message": _TROUBLE}


def _make_request(environ: Mapping[str, str]) -> HTTPRequest:
    server = {
        "user": environ["JUPYTERHUB_USER"],
        "server": environ.get("JUPYTERHUB_SERVER_NAME", ""),
    }
    return HTTPRequest(
        f"{environ['JUPYTERHUB_API_URL'].rstrip('/')}/gateway/keep",
        method="POST",
        headers={
            "Authorization": f"token {environ['JUPYTERHUB_API_TOKEN']}",
            "Content-Type": "application/json",
        },
        body=json.dumps(server),
        request_timeout=SECONDS,
        follow_redirects=False,
        # Where the hub encrypts its own connections
        client_key=environ.get("JUPYTERHUB_SSL_KEYFILE") or None,
        client_cert=environ.get("JUPYTERHUB_SSL_CERTFILE") or None,
        ca_certs=environ.get("JUPYTERHUB_SSL_CLIENT_CA") or None,
    )

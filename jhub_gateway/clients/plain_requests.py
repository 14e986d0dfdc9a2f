"""One request to the Kubernetes API, whose body is plain mappings already.

The client's ``call_api`` goes through all of a body to look for model objects: for a pod that
takes as long as to make it.
"""

from collections.abc import Iterable, Mapping
from typing import Any


async def request(
    client: Any,
    method: str,
    path: str,
    *,
    seconds: float,
    headers: Mapping[str, str],
    query: Iterable[tuple[str, str]] = (),
    body: Mapping[str, Any] | None = None,
) -> Any:
    """Ask with the ApiClient ``client`` as it is configured; return aiohttp's answer, unread.

    ``path`` has nothing in it that needs escaping. Raises what aiohttp does: ClientError, OSError
    or TimeoutError.
    """
    sent, asked = {**headers, **client.default_headers}, list(query)
    await client.update_params_for_auth(sent, asked, ["BearerToken"])
    return await client.request(
        method,
        client.configuration.host + path,
        query_params=asked,
        headers=sent,
        body=body,
        _preload_content=False,
        _request_timeout=seconds,
    )

"""Where a browser goes to end the session at the provider (OpenID Connect RP-Initiated Logout)."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_CALLBACK = "/oauth_callback"


def make_logout_url(endpoint: str, client_id: str, id_token: str | None, back: str) -> str:
    """Return the provider's address with what tells it whose session, and where to go after."""
    parts = urlsplit(endpoint)
    hint = {"id_token_hint": id_token} if id_token else {}
    query = [
        *parse_qsl(parts.query),
        *{**hint, "client_id": client_id, "post_logout_redirect_uri": back}.items(),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def make_hub_url(callback_url: str, page: str) -> str:
    """Return the address of a page of the hub whose callback address is known."""
    return f"{callback_url.removesuffix(_CALLBACK)}/{page}"

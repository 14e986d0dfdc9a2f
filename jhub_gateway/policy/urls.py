"""Which addresses may carry a login: https ones, and http ones that stay on the machine."""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from jhub_gateway.errors import ConfigurationError


def check_login_url(name: str, url: str, http_hosts: Collection[str] = ()) -> None:
    """Raise ConfigurationError unless a login may pass through the URL.

    ``name`` says where it is set. Plain http is for loopback and for the host names in
    ``http_hosts``.
    """
    parts = _split(name, url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"{name} is {url!r}; it must be like https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{name} must not hold a user name or a password")
    if parts.scheme == "http" and not is_loopback(host) and host not in http_hosts:
        raise ConfigurationError(
            f"{name} is {url!r}: over http anybody on the way can take over a login. Use https, or "
            f"add {host!r} to GatewayAuthenticator.insecure_http_hosts"
        )


def check_issuer(name: str, url: str, http_hosts: Collection[str] = ()) -> None:
    """Raise ConfigurationError unless the URL can be an OpenID provider's issuer."""
    if not url:
        raise ConfigurationError(f"{name} is missing; set it to the OpenID provider's issuer URL")
    check_login_url(name, url, http_hosts)
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{name} is {url!r}; an issuer has no '?' and no '#'")
    if url.endswith("/.well-known/openid-configuration"):
        raise ConfigurationError(f"{name} is {url!r}; leave out /.well-known/openid-configuration")


def is_loopback(host: str) -> bool:
    """Whether the host name or IP address means this machine, and nothing else.

    A name other than localhost does not: what it resolves to can change.
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is {url!r}, which is no URL") from None
    return parts

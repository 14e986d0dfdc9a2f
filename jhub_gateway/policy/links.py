"""Links from a gateway's page into a notebook: how they are written, and which server they mean."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jhub_gateway.errors import LinkRefused
from jhub_gateway.models import Link
from jhub_gateway.policy.entry_values import read_component, read_slug
from jhub_gateway.policy.link_values import read_notebook, read_parameter, read_words

# A login at the provider carries the link in a cookie, of which browsers keep 4096 bytes.
LONGEST_QUERY = 1600
MOST_PARAMETERS = 20
# The one parameter of a signed link (RFC 9101 names it so).
REQUEST = "request"
PREFIX = "param."

_READERS: Mapping[str, Callable[[str], str]] = {
    "notebook": read_notebook,
    "dataset": read_component,
    "profile": read_slug,
    "run": read_words,
}
# JupyterHub 6 takes 30 characters, the first a letter, and no two hyphens in a row.
_READABLE = 19
_DIGITS = 10


def parse_query(query: str) -> dict[str, str]:
    """Return the parameters of an address, as it was written. Raises LinkRefused.

    Everything that two programs could read in two ways is refused.
    """
    if len(query) > LONGEST_QUERY:
        raise make_bad_link(f"it is longer than {LONGEST_QUERY} characters")
    if not query.isascii():
        raise make_bad_link("it has characters that are not percent-encoded")
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=MOST_PARAMETERS + len(_READERS),
        )
    except ValueError as error:
        raise make_bad_link("it is not written as a link is", str(error)) from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise make_bad_link("it has the same parameter twice")
    if REQUEST in parameters and len(parameters) > 1:
        raise make_bad_link(f"beside {REQUEST} it has parameters that nobody signed")
    return parameters


def parse_link(values: Mapping[str, object], gateway: str = "") -> Link:
    """Return the link of an address's parameters, or of a signed link's. Raises LinkRefused.

    A signed link has the same names in it, beside those of the signature, which are left out here.
    """
    found: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    for name, value in values.items():
        if not isinstance(value, str):
            raise make_bad_link(f"{_show(name)} is no text")
        try:
            if name.startswith(PREFIX):
                parameters[read_parameter(name.removeprefix(PREFIX))] = read_words(value)
            elif name in _READERS:
                found[name] = _READERS[name](value)
            else:
                raise make_bad_link(f"it has the parameter {_show(name)}, which no link has")
        except ValueError as error:
            raise make_bad_link(f"{_show(name)}: {error}") from None
    if "notebook" not in found:
        raise make_bad_link("it names no notebook")
    if len(parameters) > MOST_PARAMETERS:
        raise make_bad_link(f"it has more than {MOST_PARAMETERS} parameters")
    return Link(**found, parameters=parameters, gateway=gateway)


def pick_values(claims: Mapping[str, object]) -> dict[str, object]:
    """Return what of a signed link's claims says what to open; others are for others."""
    return {
        name: value for name, value in claims.items() if name in _READERS or name.startswith(PREFIX)
    }


def list_values(link: Link) -> dict[str, str]:
    """Return the link as the parameters that it was made of."""
    named = {name: getattr(link, name) for name in _READERS}
    more = {f"{PREFIX}{name}": value for name, value in link.parameters.items()}
    return {name: value for name, value in (named | more).items() if value}


def make_address(hub: str, parameters: Mapping[str, str]) -> str:
    """Return the address that opens a link at a hub, such as https://hub.example.org."""
    query = urlencode(parameters, quote_via=quote, safe="/")
    return f"{hub.rstrip('/')}/hub/gateway/open?{query}"


def make_server_name(link: Link) -> str:
    """Return the name of the link's server: the same for the same link, whenever it was signed.

    It is fit for a URL and for JupyterHub 6: 1 to 30 lower-case letters, digits and hyphens.
    """
    whole = json.dumps([link.gateway, list_values(link)], sort_keys=True)
    digits = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    stem = PurePosixPath(link.notebook).stem.lower()
    words = re.sub("[^a-z0-9]+", "-", stem).lstrip("-0123456789")
    return f"{words[:_READABLE].rstrip('-') or 'link'}-{digits}"


def make_bad_link(reason: str, cause: str = "") -> LinkRefused:
    """Return the refusal of what is no link: 400."""
    return LinkRefused(
        f"This link can't be opened: {reason}. Go back to the page that you came from, and tell "
        "those who run it.",
        cause,
        status=400,
    )


def name_inside(notebook: str) -> tuple[str, str] | None:
    """Return ("datasets" or "groups", name) where the path is of the gateway's data, else None."""
    parts: Iterable[str] = notebook.split("/")
    first, *rest = parts
    return (rest[0], rest[1]) if first == "gateway" and len(rest) > 1 else None


def _show(name: str) -> str:
    return repr(name[:40])

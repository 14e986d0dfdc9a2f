"""Which links a hub opens: the gateways that may sign some, and those that anybody may make."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from jhub_gateway.errors import ConfigurationError, LinkRefused
from jhub_gateway.models import Link, LinkGateway, UnsignedLinks
from jhub_gateway.policy.entries import EntryKind
from jhub_gateway.policy.entry_values import read_component, read_text
from jhub_gateway.policy.link_signatures import SHORTEST_KEY
from jhub_gateway.policy.link_values import read_notebook, read_parameter, read_words
from jhub_gateway.policy.secrets import check_secret

GATEWAYS, UNSIGNED = "link_gateways", "unsigned_links"


def _read_shown(value: object) -> str:
    return read_words(read_text(value))


def _read_pattern(value: object) -> str:
    """Return a pattern: where no path can match it, its author has meant something else."""
    text = read_text(value)
    read_notebook(text.replace("?", "x"))
    return text


def _read_datasets(value: object) -> frozenset[str]:
    return frozenset(read_component(one) for one in _read_list(value))


def _read_parameters(value: object) -> frozenset[str]:
    return frozenset(read_parameter(read_text(one)) for one in _read_list(value))


def _read_list(value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} must be a list")
    return value


_GATEWAY_KIND = EntryKind(
    trait=GATEWAYS,
    noun="gateway",
    required=("issuer", "name", "key_directory"),
    readers={"issuer": _read_shown, "name": _read_shown, "key_directory": read_text},
)
_UNSIGNED_KIND = EntryKind(
    trait=UNSIGNED,
    noun="notebook",
    required=("notebook",),
    readers={
        "notebook": _read_pattern,
        "datasets": _read_datasets,
        "parameters": _read_parameters,
    },
)


def parse_link_gateways(entries: Sequence[Mapping[str, Any]]) -> tuple[LinkGateway, ...]:
    """Return what an operator wrote as ``link_gateways``. Raises ConfigurationError."""
    gateways = tuple(LinkGateway(**values) for values in _GATEWAY_KIND.read(entries))
    _GATEWAY_KIND.check_unique([gateway.issuer for gateway in gateways])
    return gateways


def parse_unsigned_links(entries: Sequence[Mapping[str, Any]]) -> tuple[UnsignedLinks, ...]:
    """Return what an operator wrote as ``unsigned_links``. Raises ConfigurationError."""
    return tuple(UnsignedLinks(**values) for values in _UNSIGNED_KIND.read(entries))


def check_unsigned(link: Link, rules: Iterable[UnsignedLinks]) -> None:
    """Raise LinkRefused unless one of the rules lets anybody make the link."""
    if not any(_is_open(link, rule) for rule in rules):
        raise LinkRefused(
            "This hub opens that only by a link that the gateway has signed. Open it from the "
            "gateway's own page.",
            f"no entry of {UNSIGNED} lets anybody make it",
        )


def check_keys(gateway: LinkGateway, keys: Mapping[str, bytes]) -> None:
    """Raise ConfigurationError if the gateway has no key, or one that can be guessed.

    ``keys`` are by their id. No message holds one.
    """
    where = f"{GATEWAYS}: gateway {gateway.issuer!r}: key_directory {gateway.key_directory!r}"
    path = (GATEWAYS, gateway.issuer)
    if not keys:
        raise ConfigurationError(f"{where} has no file, and each is to be a key", path)
    for name, key in keys.items():
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"{where}: the key {name!r} has {len(key)} bytes, and {SHORTEST_KEY} are the "
                "fewest. Make a new one with: openssl rand -hex 32",
                path,
            )
        check_secret(f"{where}: the key {name!r}", key)


def is_match(pattern: str, path: str) -> bool:
    """Whether the path matches, name by name: ``*`` and ``?`` never stand for a slash."""
    wanted, found = pattern.split("/"), path.split("/")
    return len(wanted) == len(found) and all(map(fnmatchcase, found, wanted))


def _is_open(link: Link, rule: UnsignedLinks) -> bool:
    parameters = set(link.parameters) | ({"run"} if link.run else set())
    return (
        is_match(rule.notebook, link.notebook)
        and (not link.dataset or link.dataset in rule.datasets)
        and parameters <= rule.parameters
    )
